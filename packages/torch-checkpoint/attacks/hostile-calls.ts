import {
  type Code,
  create,
  dict,
  global,
  integer,
  list,
  NONE,
  op,
  quantized,
  reduce,
  storage,
  tensor,
  text,
  tuple,
} from './build-pickle.js'
import { entry, type HostilePickle } from './hostile-pickle.js'

const mapping = global('torchao.quantization.quant_primitives', 'MappingType')
const getattr = global('__builtin__', 'getattr')
const perRow = global('torchao.quantization.granularity', 'PerRow')
const opcode = (code: number, ...rest: number[]): Code => [code, ...rest]

const refusedOpcodes: readonly (readonly [name: string, code: number])[] = [
  ['INST', 0x69],
  ['OBJ', 0x6f],
  ['DUP', 0x32],
  ['POP_MARK', 0x31],
  ['FLOAT', 0x46],
  ['STRING', 0x53],
  ['BINSTRING', 0x54],
  ['SHORT_BINSTRING', 0x55],
  ['UNICODE', 0x56],
  ['PERSID', 0x50],
  ['EXT1', 0x82],
  ['EXT2', 0x83],
  ['EXT4', 0x84],
  ['BINBYTES8', 0x8e],
  ['EMPTY_SET', 0x8f],
  ['ADDITEMS', 0x90],
  ['FROZENSET', 0x91],
  ['NEWOBJ_EX', 0x92],
  ['BYTEARRAY8', 0x96],
  ['NEXT_BUFFER', 0x97],
  ['READONLY_BUFFER', 0x98],
  ['unknown', 0xff],
]

const names: readonly (readonly [module: string, name: string, message: RegExp])[] = [
  ['os', 'system', /refused: not a tensor checkpoint: it names os\.system; nothing was executed/],
  ['os.path', 'join', /refused: not a tensor checkpoint.*os\.path\.join/],
  ['posix', 'system', /not a tensor checkpoint.*posix\.system/],
  ['nt', 'system', /not a tensor checkpoint.*nt\.system/],
  ['sys', 'exit', /not a tensor checkpoint.*sys\.exit/],
  ['subprocess', 'Popen', /not a tensor checkpoint.*subprocess\.Popen/],
  ['builtins', 'eval', /not a tensor checkpoint.*builtins\.eval/],
  ['__builtin__', 'exec', /not a tensor checkpoint.*__builtin__\.exec/],
  ['torch', 'load', /unknown class torch\.load; nothing was executed/],
  ['torch', 'ComplexFloatStorage', /unknown class torch\.ComplexFloatStorage/],
  ['torch', '_utils._rebuild_tensor_v2', /unknown class torch\._utils\._rebuild_tensor_v2/],
  ['', '', /unknown class \./],
  ['a"b', 'c d', /unknown class "a\\"b\.c d"/],
  ['example.MappingType', '__class__', /unknown class example\.MappingType\.__class__/],
  ['__proto__', 'toString', /unknown class __proto__\.toString/],
  ['torchao.quantization', 'FutureTensor', /unknown class torchao\.quantization\.FutureTensor/],
]

/** Opcodes, names and calls that no torch.save writes. */
export const hostileCalls: readonly HostilePickle[] = [
  ...refusedOpcodes.map(([name, code]) =>
    entry(`opcode ${name}`, 'PICKLE_OPCODE_REFUSED', new RegExp(`opcode ${name} \\(0x`), opcode(code)),
  ),
  ...names.map(([module, name, message]) =>
    entry(`the name ${module}.${name}`, 'PICKLE_CLASS_REFUSED', message, global(module, name)),
  ),
  entry('a name from the stack', 'PICKLE_CLASS_REFUSED', /os\.system/, [
    ...text('os'),
    ...text('system'),
    0x93,
  ]),
  entry('a name that hides its dot', 'PICKLE_CLASS_REFUSED', /unknown class/, [
    ...text('torch'),
    ...text('_utils._rebuild_tensor_v2'),
    0x93,
  ]),
  entry('a name made of numbers', 'PICKLE_BAD', /two texts/, [...integer(1), ...integer(2), 0x93]),

  entry(
    'getattr on a function',
    'PICKLE_CALL_REFUSED',
    /getattr is called with torch\.device/,
    reduce(getattr, global('torch', 'device'), text('x')),
  ),
  entry(
    'getattr on a text',
    'PICKLE_CALL_REFUSED',
    /getattr is called with a text/,
    reduce(getattr, text('x'), text('y')),
  ),
  entry(
    'getattr with another name',
    'PICKLE_CALL_REFUSED',
    /"__class__", which is no member/,
    reduce(getattr, mapping, text('__class__')),
  ),
  entry(
    'an enum member that is none',
    'PICKLE_CALL_REFUSED',
    /the number 99, which is no value/,
    reduce(mapping, integer(99)),
  ),
  entry(
    'a call of a dtype',
    'PICKLE_CALL_REFUSED',
    /REDUCE on torch\.int8 is refused/,
    reduce(global('torch', 'int8'), integer(1)),
  ),
  entry(
    'a call of a stored function',
    'PICKLE_CALL_REFUSED',
    /REDUCE on torchao.*_int8_asymm_per_token_quant/,
    reduce(global('torchao.quantization.quant_api', '_int8_asymm_per_token_quant'), integer(1)),
  ),
  entry(
    'a call of a text',
    'PICKLE_CALL_REFUSED',
    /REDUCE on a text/,
    reduce(text('os.system'), text('true')),
  ),
  entry('a call without a tuple', 'PICKLE_CALL_REFUSED', /arguments are a tuple/, [
    ...mapping,
    ...integer(1),
    0x52,
  ]),
  entry(
    'arguments for OrderedDict',
    'PICKLE_CALL_REFUSED',
    /OrderedDict is called with 1 arguments/,
    reduce(global('collections', 'OrderedDict'), list()),
  ),
  entry(
    'NEWOBJ on a function',
    'PICKLE_CALL_REFUSED',
    /NEWOBJ on torch\._utils\._rebuild_tensor_v2/,
    create(global('torch._utils', '_rebuild_tensor_v2')),
  ),
  entry('NEWOBJ on an enum', 'PICKLE_CALL_REFUSED', /NEWOBJ on torchao.*MappingType/, create(mapping)),
  entry(
    'NEWOBJ with arguments',
    'PICKLE_CALL_REFUSED',
    /PerRow is called with 1 arguments/,
    create(perRow, tuple(integer(1))),
  ),
  entry('BUILD on a text', 'PICKLE_CALL_REFUSED', /BUILD on a text/, [...text('x'), ...dict(), 0x62]),
  entry('BUILD on a plain dict', 'PICKLE_CALL_REFUSED', /BUILD on a dict/, [...dict(), ...dict(), 0x62]),
  entry('BUILD on a class', 'PICKLE_CALL_REFUSED', /BUILD on torchao.*PerRow/, [...perRow, ...dict(), 0x62]),
  entry('BUILD on a quantized tensor', 'PICKLE_CALL_REFUSED', /BUILD on a object/, [
    ...quantized(dict()),
    ...dict(),
    0x62,
  ]),
  entry('BUILD twice', 'PICKLE_CALL_REFUSED', /BUILD on a object/, [
    ...create(perRow, op(')'), dict(text('dim'), integer(0))),
    ...dict(),
    0x62,
  ]),
  entry(
    'BUILD with slots',
    'PICKLE_CALL_REFUSED',
    /BUILD with a tuple/,
    create(perRow, op(')'), tuple(NONE, dict())),
  ),
  entry(
    'a dict in place of attributes',
    'OBJECT_BAD',
    /a tensor has the unknown field "x", which holds a dict/,
    [...tensor(), ...dict(text('x'), dict()), 0x62],
  ),
  entry(
    'an object in an unknown field',
    'OBJECT_BAD',
    /Int8Tensor has the unknown field "next", which holds a tensor/,
    quantized(dict(text('next'), tensor())),
  ),
  entry(
    'a text where data belong',
    'OBJECT_BAD',
    /"qdata" of torchao.quantization.Int8Tensor holds a text/,
    quantized(dict(text('qdata'), text('x'))),
  ),
  entry(
    'a bare storage in a field',
    'OBJECT_BAD',
    /a storage stands where a value belongs/,
    quantized(dict(text('block_size'), storage())),
  ),
  entry(
    'a tensor class of another kind',
    'PICKLE_CALL_REFUSED',
    /expected a dtype/,
    quantized(dict(), 'Int8Tensor', { dtype: mapping }),
  ),
]
