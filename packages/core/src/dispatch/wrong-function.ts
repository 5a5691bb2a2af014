/**
 * What a member of an object that a plug-in gives has to be: a function; one that may be asynchronous; one that may be left out;
 * or what is looked at where it is used.
 */
export type Members<Group> = Readonly<Record<keyof Group, 'function' | 'async' | 'function?' | 'value'>>

/** The first member that is not the function that it has to be, with what is wrong with it. */
export function wrongFunction(
  owner: object,
  members: Members<object>,
  pathOf: (name: string) => string = (name) => name,
): string | undefined {
  for (const [name, kind] of Object.entries<string>(members)) {
    const member: unknown = Reflect.get(owner, name)
    if (kind === 'value' || (kind === 'function?' && member === undefined)) continue
    if (typeof member !== 'function') return `${pathOf(name)} is no function`
    // What it gives is taken when it returns: a promise would be taken for it.
    if (kind !== 'async' && isAsync(member))
      return `${pathOf(name)} is asynchronous: it has to be done when it returns`
  }
  return undefined
}

const isAsync = (member: unknown): boolean =>
  Object.prototype.toString.call(member) === '[object AsyncFunction]'
