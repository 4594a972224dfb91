import type { ReactNode } from 'react';
import { useAnswer } from '../answers.ts';
import { isPosition, MomentInstant, useMoment } from '../moment.ts';
import { useIsStaff } from '../session.tsx';
import { Answered } from './states.tsx';

/** A page, once the instant that it is about is known: that of a log position is when its event was recorded. */
export function AtMoment({ children }: { readonly children: ReactNode }) {
  const { asOf } = useMoment();
  const isStaff = useIsStaff();
  if (asOf === undefined || !isPosition(asOf)) {
    // Nothing is rated beyond now.
    const isPast = asOf !== undefined && Date.parse(asOf) < Date.now();
    return <MomentInstant value={isPast ? asOf : undefined}>{children}</MomentInstant>;
  }
  // Tenants see no events. What is open is rated up to now for them.
  return isStaff && Number(asOf) > 0 ? <AtPosition position={Number(asOf)}>{children}</AtPosition> : children;
}

function AtPosition({ position, children }: { readonly position: number; readonly children: ReactNode }) {
  const events = useAnswer('events', { after: position - 1, limit: 1 });
  return (
    <Answered answer={events}>
      {({ items: [event] }) => <MomentInstant value={event?.recordedAt}>{children}</MomentInstant>}
    </Answered>
  );
}
