import { isSchemaObject, type JsonType, type SchemaObject, unsupported } from './keywords.js'
import { resolveReference } from './references.js'
import { readTypes, typeOf } from './types.js'

/** References that are followed to find out what a branch is. */
const MAX_HOPS = 32

/**
 * Throws unless no value satisfies two branches of `oneOf`: they differ in type, or in the value of a property that both
 * require. Only then it means the same as `anyOf`.
 */
export function checkDisjoint(branches: readonly unknown[], root: unknown, pointer: string): void {
  const seen = branches.map((branch, index) =>
    describe(resolved(branch, root, pointer), `${pointer}/oneOf/${index}`),
  )
  for (const [index, branch] of seen.entries()) {
    const other = seen.findIndex((each, at) => at < index && !areDisjoint(each, branch))
    if (other === -1) continue
    throw unsupported(`${pointer}/oneOf`, `a value may satisfy both entry ${other} and entry ${index}`, {
      hint: 'Let the entries differ in "type", or in the "const" of one property that all of them require; or use anyOf.',
    })
  }
}

interface Branch {
  /** Undefined: any. */
  readonly types: ReadonlySet<JsonType> | undefined
  /** Required properties with few values, and those values as JSON. */
  readonly fixed: ReadonlyMap<string, readonly string[]>
}

function areDisjoint(one: Branch, other: Branch): boolean {
  const { types } = one
  if (
    types !== undefined &&
    other.types !== undefined &&
    ![...types].some((type) => other.types?.has(type))
  ) {
    return true
  }
  const onlyObjects = [one, other].every((each) => each.types?.size === 1 && each.types.has('object'))
  return (
    onlyObjects &&
    [...one.fixed].some(([name, values]) => {
      const others = other.fixed.get(name)
      return others !== undefined && !values.some((value) => others.includes(value))
    })
  )
}

function resolved(branch: unknown, root: unknown, pointer: string): unknown {
  let schema = branch
  for (let hops = 0; hops < MAX_HOPS && isSchemaObject(schema); hops++) {
    if (schema.$ref !== undefined) schema = resolveReference(root, schema.$ref, pointer).schema
    else if (Array.isArray(schema.allOf) && schema.allOf.length === 1) schema = schema.allOf[0]
    else break
  }
  return schema
}

function describe(schema: unknown, pointer: string): Branch {
  if (!isSchemaObject(schema)) return { types: undefined, fixed: new Map() }
  const values = valuesOf(schema)
  const named = readTypes(schema, pointer) ?? values?.map(typeOf)
  const types = named ?? (schema.properties === undefined ? undefined : (['object'] as const))
  return {
    // Integers are numbers: 1 satisfies both.
    types:
      types === undefined ? undefined : new Set(types.map((type) => (type === 'integer' ? 'number' : type))),
    fixed: fixedProperties(schema),
  }
}

function fixedProperties({ properties, required }: SchemaObject): Map<string, string[]> {
  if (!isSchemaObject(properties) || !Array.isArray(required)) return new Map()
  return new Map(
    Object.entries(properties).flatMap(([name, schema]) => {
      const values = required.includes(name) && isSchemaObject(schema) ? valuesOf(schema) : undefined
      return values === undefined ? [] : [[name, values.map((value) => JSON.stringify(value))]]
    }),
  )
}

function valuesOf(schema: SchemaObject): readonly unknown[] | undefined {
  if (schema.const !== undefined) return [schema.const]
  return Array.isArray(schema.enum) ? schema.enum : undefined
}
