import { Modal } from '@mantine/core';
import { type ReactNode, useEffect, useState } from 'react';

/** A dialog that is there while it is shown. When it goes, the focus is again where it was. */
export function Dialog({
  title,
  close,
  size = 'md',
  children,
}: {
  readonly title: string;
  readonly close: () => void;
  readonly size?: string;
  readonly children: ReactNode;
}) {
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (before instanceof HTMLElement) before.focus();
    },
    [before],
  );
  return (
    <Modal.Root opened onClose={close} size={size} lockScroll={false}>
      <Modal.Overlay />
      <Modal.Content>
        {/* By itself it would be a second banner of the page. */}
        <Modal.Header role="presentation">
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close the dialog" />
        </Modal.Header>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
