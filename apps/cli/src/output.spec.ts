import { describe, expect, it } from '@jest/globals';
import { fittedTable } from './output.js';
import { withEventsOnce, treeLines } from './tree.js';

const ROWS = [
  {
    invoiceId: '85d5e64f-bf97-5d24-a3c7-a9a791e088ba',
    asOf: '2026-05-01T00:00:00Z',
    dueAt: null,
    number: 'INV-000001',
    total: '59.60',
  },
];

describe('a table', () => {
  it('has all columns in their own order, if they fit', () => {
    const { text, leftOut } = fittedTable(ROWS, 200);
    expect(text.split('\n')[0]?.split(/ +/)).toEqual(['invoiceId', 'asOf', 'dueAt', 'number', 'total']);
    expect(leftOut).toEqual([]);
  });

  it('has the columns that people read first, if not all fit, and names the others', () => {
    // 10 + 2 + 5 + 2 + 20 = 39; nothing is left for dueAt, which is empty, and for the id.
    expect(fittedTable(ROWS, 39)).toEqual({
      text: 'number      total  asOf\nINV-000001  59.60  2026-05-01T00:00:00Z',
      leftOut: ['invoiceId', 'dueAt'],
    });
    expect(fittedTable(ROWS, 38).text).toBe('number      total  dueAt\nINV-000001  59.60  -');
  });

  it('has one column, however narrow the terminal is', () => {
    expect(fittedTable(ROWS, 3).text).toBe('number\nINV-000001');
  });
});

describe('a tree', () => {
  it('tells each event once, and names it where it comes again', () => {
    const event = (position: number) => ({ text: `event ${position}  PlanPublished`, event: position });
    const tree = {
      text: 'invoice',
      below: [
        { text: 'first row', below: [event(3), event(4)] },
        { text: 'second row', below: [event(3), { text: 'price' }, event(4), event(5)] },
        { text: 'third row', below: [event(5)] },
      ],
    };
    expect(treeLines(withEventsOnce(tree))).toEqual([
      'invoice',
      '├─ first row',
      '│  ├─ event 3  PlanPublished',
      '│  └─ event 4  PlanPublished',
      '├─ second row',
      '│  ├─ price',
      '│  ├─ event 5  PlanPublished',
      '│  └─ events 3, 4: see above',
      '└─ third row',
      '   └─ event 5: see above',
    ]);
  });
});
