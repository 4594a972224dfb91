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
    <Modal opened onClose={close} title={title} size={size} lockScroll={false}>
      {children}
    </Modal>
  );
}
