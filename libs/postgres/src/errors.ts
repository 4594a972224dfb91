/** The reason why a database can't be used. `message` says what is wrong, where, and what to do. */
export type DatabaseErrorCode =
  | 'database_url_invalid'
  | 'database_unreachable'
  | 'database_behind_pooler'
  | 'schema_name_invalid'
  | 'value_out_of_range'
  | 'data_directory_unusable'
  | 'embedded_platform_unsupported'
  | 'embedded_binaries_incomplete'
  | 'embedded_placement_impossible'
  | 'embedded_init_failed'
  | 'embedded_start_failed'
  | 'embedded_stop_failed';

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code: DatabaseErrorCode;
  constructor(code: DatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The thrown error in one line. Node's error for several attempts (`AggregateError`) has an empty message. */
export function reason(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reason).join('; ');
  return error instanceof Error ? error.message : String(error);
}
