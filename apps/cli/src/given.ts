type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Only what was given: options that are absent, as APIs with exact optional properties ask. */
export function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}
