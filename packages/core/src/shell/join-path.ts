export const joinPath = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)
