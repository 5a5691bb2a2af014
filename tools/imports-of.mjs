import { parseSync, Visitor } from 'oxc-parser'

/**
 * What a source file imports, in the order of the text: static, type-only, re-export, dynamic, `import('x').Type`.
 *
 * @param path its ending says which language it is in.
 * @returns records of specifier and line.
 * @throws SyntaxError for a text that cannot be read.
 */
export function importsOf(path, text) {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`)
  const imports = []
  const add = ({ source }) => {
    // A dynamic import may name what is only known later.
    if (typeof source?.value !== 'string') return
    imports.push({ specifier: source.value, line: text.slice(0, source.start).split('\n').length })
  }
  new Visitor({
    ImportDeclaration: add,
    ExportNamedDeclaration: add,
    ExportAllDeclaration: add,
    ImportExpression: add,
    TSImportType: add,
  }).visit(program)
  return imports
}
