/** Rules of this repository for the linter: what may be the ground of an amount. */

const TIME = 'Time is passed in.';
const FLOAT = 'Money and quantities stay decimals: a float is not exact.';

const nameOf = (node) => (node.type === 'Identifier' ? node.name : undefined);
const isMember = (node, object, properties) =>
  nameOf(node.object) === object && properties.includes(nameOf(node.property));

/** A spec may do as it likes. Below `apps`, only the calendar knows Date, and it never asks the clock. */
const noClock = {
  create: (context) => {
    const report = (node, message) => context.report({ node, message });
    return {
      NewExpression(node) {
        if (nameOf(node.callee) === 'Date' && node.arguments.length === 0) report(node, TIME);
      },
      CallExpression(node) {
        if (nameOf(node.callee) === 'Date') report(node, TIME);
      },
      MemberExpression(node) {
        if (isMember(node, 'Date', ['now'])) report(node, TIME);
        if (isMember(node, 'Math', ['random'])) report(node, 'Replay must equal live: no chance.');
      },
    };
  },
};

/** Money and quantities are exact decimals from end to end. The one rounding is in money/decimal. */
const exactDecimals = {
  create: (context) => {
    const report = (node, message) => context.report({ node, message });
    return {
      CallExpression({ callee }) {
        if (callee.type === 'MemberExpression' && nameOf(callee.property) === 'toNumber') report(callee, FLOAT);
      },
      UnaryExpression(node) {
        if (node.operator === '+') report(node, 'Read decimals with decimal(): a float is not exact.');
      },
      MemberExpression(node) {
        if (isMember(node, 'Math', ['round', 'floor', 'ceil', 'trunc', 'fround']))
          report(node, 'Round decimals with round(), floor() or ceiling() of money/decimal.');
      },
      Literal(node) {
        if (/^\d+\.\d/.test(node.raw)) report(node, 'A fraction is a decimal(): a float is not exact.');
      },
    };
  },
};

export default { meta: { name: 'ledgerline' }, rules: { 'no-clock': noClock, 'exact-decimals': exactDecimals } };
