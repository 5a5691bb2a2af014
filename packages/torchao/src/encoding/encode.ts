import type { Value } from './values.js'

/**
 * The JSON form of a value. config.json states the version of every object, the header of a safetensors file of none.
 */
export function encode(value: Value, form: 'config' | 'header'): unknown {
  if (value === null || typeof value !== 'object') return value
  if (isList(value)) return value.map((item) => encode(item, form))
  switch (value.kind) {
    case 'dtype':
      return { _type: 'torch.dtype', _data: value.name }
    case 'enum':
      return { _type: value.type, _data: value.member }
    case 'map':
      return Object.fromEntries([...value.entries].map(([name, inner]) => [name, encode(inner, form)]))
    case 'object': {
      const fields = Object.entries(value.fields).map(([name, inner]) => [name, encode(inner, form)])
      const version = form === 'config' ? { _version: value.version } : {}
      return { _type: value.type, ...version, _data: Object.fromEntries(fields) }
    }
  }
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value)
