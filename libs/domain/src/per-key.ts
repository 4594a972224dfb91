/**
 * Makes the value of each key once, and keeps it as long as the function is kept. `keyOf`: the key of what it is made
 * of. Default: that itself.
 */
export function perKey<Of, Value>(make: (of: Of) => Value, keyOf: (of: Of) => unknown = (of) => of): (of: Of) => Value {
  const made = new Map<unknown, Value>();
  return (of) => {
    const key = keyOf(of);
    if (!made.has(key)) made.set(key, make(of));
    return made.get(key) as Value;
  };
}
