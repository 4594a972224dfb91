import { Button } from '@mantine/core';
import { useState } from 'react';
import { FIRST_ITEMS, moreThan } from './growing.ts';

/** `unitPrice` as a person reads it: `unit price`. */
const spaced = (name: string): string => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();

/** What an event, or another structure of JSON, says: each value beside its name, lists and parts below theirs. */
export function Fields({ of }: { readonly of: unknown }) {
  const [most, setMost] = useState(FIRST_ITEMS);
  if (of === null) return '–';
  if (typeof of !== 'object') return typeof of === 'string' ? of : JSON.stringify(of);
  const isList = Array.isArray(of);
  const all = Object.entries<unknown>({ ...of });
  if (all.length === 0) return '–';
  return (
    <>
      <dl className="fields">
        {all.slice(0, most).map(([name, value]) => (
          <div key={name}>
            <dt>{isList ? `${Number(name) + 1}.` : spaced(name)}</dt>
            <dd>
              <Fields of={value} />
            </dd>
          </div>
        ))}
      </dl>
      {all.length > most && (
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => {
            setMost(moreThan(most));
          }}
        >
          {`Show more than ${most} of ${all.length}`}
        </Button>
      )}
    </>
  );
}
