import { describe, expect, it } from '@jest/globals';
import { EventStoreDBClient } from '@eventstore/db-client';
import { connectionFault, forClient, isConnectionString } from './connection-string.js';

const faultOf = async (text: string): Promise<string | null> => {
  try {
    await EventStoreDBClient.connectionString(forClient(text)).dispose();
    return null;
  } catch (error) {
    return connectionFault(error, text);
  }
};

describe('a connection string', () => {
  it.each([
    'esdb://localhost:2113?tls=false',
    'esdb://localhost',
    'esdb://admin:changeit@a:2113,b:2113,c:2113?tls=true&nodePreference=leader',
    'esdb://admin:p%40ss/word@a:2113,b:2113/?tls=false',
    'esdb+discover://cluster.example.com:2113/',
    'kurrentdb://a:2113,b:2113?tls=false',
    'kurrentdb+discover://admin:changeit@cluster.example.com',
  ])('is accepted as the client accepts it: %s', async (text) => {
    expect([isConnectionString(text), await faultOf(text)]).toEqual([true, null]);
  });

  it.each(['http://a:2113', 'esdb:/a', 'esdb://', 'eventstore://a', 'esdb://a b', 'kurrentdbs://a'])(
    'is refused: %s',
    (text) => {
      expect(isConnectionString(text)).toBe(false);
    },
  );

  it('is refused by the client at a place that is named, without its password', async () => {
    expect(await faultOf('esdb://admin:changeit@a:port')).toBe(
      'is no connection string of EventStoreDB: port number is expected at character 25',
    );
    // Five characters further on: the client is given the older name.
    expect(await faultOf('kurrentdb://admin:changeit@a:port')).toBe(
      'is no connection string of EventStoreDB: port number is expected at character 30',
    );
    expect(await faultOf('esdb://a:2113?tlsCAFile=/nowhere/ca.pem')).toMatch(/^can't be used: .*certificate/);
    expect(await faultOf('esdb://admin:changeit@a:2113?tls=maybe')).toBe(
      'is no connection string of EventStoreDB: true or false is expected at character 34',
    );
  });
});
