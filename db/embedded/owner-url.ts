/** The name of the database of an embedded server, and of the user who owns it. */
export const DATABASE = 'tabkeeper'

/** The owner's connection string of an embedded server. */
export function ownerUrl(password: string, port: number): string {
  return `postgres://${DATABASE}:${password}@127.0.0.1:${port}/${DATABASE}`
}
