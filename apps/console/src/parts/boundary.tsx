import { Alert, Button, Text } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { errorOf } from '#domain/errors';

interface Bounded {
  /** Where the person is. At another place it is drawn again. */
  readonly at: string;
  readonly children: ReactNode;
}

/** What can't be drawn, or loaded, is said where it would be. The rest of the console stays. */
export class Boundary extends Component<Bounded, { readonly failure: Error | null }> {
  override readonly state: { readonly failure: Error | null } = { failure: null };

  static getDerivedStateFromError(error: unknown) {
    return { failure: errorOf(error) };
  }

  override componentDidUpdate({ at }: Bounded): void {
    if (at !== this.props.at && this.state.failure !== null) this.setState({ failure: null });
  }

  override render(): ReactNode {
    const { failure } = this.state;
    if (failure === null) return this.props.children;
    return (
      <Alert color="red" title="The page can't be shown" role="alert">
        <Text size="sm">Load it again, or choose another page. If it fails again, report what follows.</Text>
        <Text size="sm">{failure.message}</Text>
        <Button
          mt="xs"
          size="xs"
          variant="default"
          onClick={() => {
            location.reload();
          }}
        >
          Load again
        </Button>
      </Alert>
    );
  }
}
