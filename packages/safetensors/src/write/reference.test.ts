import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  formatSafetensorsIndex,
  layoutSafetensors,
  parseSafetensorsHeader,
  type TensorSpec,
} from '../index.js'

/** Files that the Python libraries wrote. */
const goldens = fileURLToPath(new URL('../../../../goldens/', import.meta.url))
const names = await readdir(goldens, { recursive: true })
/** Vectors in another order than the rest: their F32 and I32 tensors are mixed by name. They are read, not rewritten. */
const OTHER_ORDER = /^gptq\/(case|layer)_/
const textOf = (header: Uint8Array) => Buffer.from(header.subarray(8)).toString()

describe('headers are byte for byte those of the reference library', () => {
  it.each(names.filter((name) => name.endsWith('.safetensors') && !OTHER_ORDER.test(name)))(
    '%s',
    async (name) => {
      const bytes = await readFile(join(goldens, name))
      const { tensors, metadata, dataOffset } = parseSafetensorsHeader(bytes, { file: name })
      // The order in which the tensors are given must not matter.
      const specs = [...tensors.values()].reverse()

      const options = Object.keys(metadata).length > 0 ? { metadata } : {}
      const [file] = layoutSafetensors(specs, options).files

      expect(textOf(file!.header)).toBe(textOf(bytes.subarray(0, dataOffset)))
      expect(Buffer.compare(file!.header, bytes.subarray(0, dataOffset))).toBe(0)
      expect(file!.byteLength).toBe(bytes.byteLength)
    },
  )

  // Order and text of the next two tests are what `safetensors.serialize` 0.8.0 returned for the same tensors.
  it('sorts every dtype that Python can write', () => {
    const dtypes =
      'BOOL F4 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64'
    const specs = dtypes.split(' ').map((dtype) => ({ name: 't', dtype, shape: [2] }) as TensorSpec)
    const named = specs.map((spec, index) => ({ ...spec, name: String(index) }))

    const [file] = layoutSafetensors(named).files

    expect([...file!.tensors.values()].map(({ dtype }) => dtype)).toEqual(dtypes.split(' ').reverse())
  })

  it('escapes and sorts names as the reference library does', () => {
    const names = ['é', '😀', '\uffee', 'a"b\\c', '\b\f\n\r\t\x01\x1f\x7f', '__proto__', '', '/', '\u2028']
    const specs = names.map((name, index): TensorSpec => ({ name, dtype: 'U8', shape: [0, index] }))

    const [file] = layoutSafetensors(specs, { metadata: { 'ké"': 'v\n\x02😀' } }).files

    expect(textOf(file!.header)).toBe(
      String.raw`{"__metadata__":{"ké\"":"v\n\u0002😀"},` +
        `"":{"dtype":"U8","shape":[0,6],"data_offsets":[0,0]},` +
        `"${String.raw`\b\f\n\r\t\u0001\u001f`}\x7f":{"dtype":"U8","shape":[0,4],"data_offsets":[0,0]},` +
        `"/":{"dtype":"U8","shape":[0,7],"data_offsets":[0,0]},` +
        `"__proto__":{"dtype":"U8","shape":[0,5],"data_offsets":[0,0]},` +
        String.raw`"a\"b\\c":{"dtype":"U8","shape":[0,3],"data_offsets":[0,0]},` +
        `"é":{"dtype":"U8","shape":[0,0],"data_offsets":[0,0]},` +
        `"\u2028":{"dtype":"U8","shape":[0,8],"data_offsets":[0,0]},` +
        `"\uffee":{"dtype":"U8","shape":[0,2],"data_offsets":[0,0]},` +
        `"😀":{"dtype":"U8","shape":[0,1],"data_offsets":[0,0]}}     `,
    )
  })

  it('pads an empty header to eight bytes', () => {
    const [file] = layoutSafetensors([]).files
    expect(Buffer.from(file!.header).toString('latin1')).toBe('\b\0\0\0\0\0\0\0{}      ')
  })
})

describe('indexes are byte for byte those of the Python libraries', () => {
  it.each(names.filter((name) => name.endsWith('.safetensors.index.json')))('%s', async (name) => {
    const text = await readFile(join(goldens, name), 'utf8')
    expect(formatSafetensorsIndex(JSON.parse(text))).toBe(text)
  })

  // json.dumps({"metadata": {"total_size": 0}, "weight_map": {…}}, indent=2, sort_keys=True)
  it('escapes and sorts as Python does', () => {
    const weight_map = { '😀': 'a', '\uffee': 'b', 'é\x7f"\n': 'c' }
    expect(formatSafetensorsIndex({ metadata: { total_size: 0 }, weight_map })).toBe(
      [
        '{\n  "metadata": {\n    "total_size": 0\n  },\n  "weight_map": {',
        String.raw`    "\u00e9\u007f\"\n": "c",`,
        '    "\\uffee": "b",',
        String.raw`    "\ud83d\ude00": "a"`,
        '  }\n}\n',
      ].join('\n'),
    )
  })
})
