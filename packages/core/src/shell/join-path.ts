export const joinPath = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

/** "model.norm" of "model.norm.weight": the path of the module that a parameter belongs to. */
export const ownerPath = (parameter: string): string =>
  parameter.slice(0, Math.max(parameter.lastIndexOf('.'), 0))
