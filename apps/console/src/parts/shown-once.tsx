import { Alert, Button, Code, CopyButton } from '@mantine/core';

interface Secret {
  readonly title: string;
  readonly advice: string;
  /** What the secret is, for those who do not see it. */
  readonly label: string;
  readonly value: string;
}

/** A secret that the console shows once, to be copied. */
export const ShownOnce = ({ title, advice, label, value }: Secret) => (
  <>
    <Alert variant="default" color="green" title={title} role="status">
      {advice}
    </Alert>
    <Code block className="long" aria-label={label}>
      {value}
    </Code>
    <CopyButton value={value}>
      {({ copied, copy }) => <Button onClick={copy}>{copied ? 'Copied' : 'Copy'}</Button>}
    </CopyButton>
  </>
);
