import 'graphiql/style.css';
import './graphiql.css';
import { GraphiQL } from 'graphiql';
import { useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

const START = `# Give your token above, then run this with Ctrl-Enter.
{
  invoices(limit: 5) {
    items {
      number
      tenantId
      issuedAt
      total
      currency
    }
    nextCursor
  }
}
`;

/** A query editor for `/graphql`. The token stays in this page. */
function Editor() {
  const [token, setToken] = useState('');
  const fetcher = useMemo(
    () => async (query: object) => {
      const response = await fetch('/graphql', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === '' ? {} : { authorization: `Bearer ${token.trim()}` }),
        },
        body: JSON.stringify(query),
      });
      return (await response.json()) as object;
    },
    [token],
  );
  return (
    <>
      <label className="token">
        Token
        <input
          type="password"
          autoComplete="off"
          value={token}
          onChange={({ currentTarget }) => {
            setToken(currentTarget.value);
          }}
        />
        <a href="/console">Console</a>
        <a href="/api/docs">API docs</a>
      </label>
      <GraphiQL fetcher={fetcher} defaultQuery={START} shouldPersistHeaders={false} />
    </>
  );
}

const root = document.getElementById('graphiql');
if (root === null) throw new Error('the page has no element "graphiql"');
createRoot(root).render(<Editor />);
