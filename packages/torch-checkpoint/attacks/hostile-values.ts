import {
  type Code,
  create,
  dict,
  get,
  global,
  integer,
  list,
  NONE,
  op,
  orderedDict,
  pickle,
  put,
  quantized,
  tensor,
  text,
  tuple,
} from './build-pickle.js'
import { entry, type HostilePickle, hostile } from './hostile-pickle.js'

const perRow = global('torchao.quantization.granularity', 'PerRow')
const opcode = (code: number, ...rest: number[]): Code => [code, ...rest]
const lines = (value: string): Code => [...new TextEncoder().encode(value)]
const repeat = (count: number, code: Code): Code => {
  const all = new Array<number>(count * code.length)
  for (let index = 0; index < all.length; index++) all[index] = code[index % code.length]!
  return all
}

/** Containers, counts and sizes that no torch.save writes. */
export const hostileValues: readonly HostilePickle[] = [
  entry('APPEND on a tuple', 'PICKLE_CALL_REFUSED', /APPEND on a tuple/, [...tuple(), ...integer(1), 0x61]),
  entry('SETITEM on a list', 'PICKLE_CALL_REFUSED', /SETITEM on a list/, [
    ...list(),
    ...integer(1),
    ...integer(1),
    0x73,
  ]),
  entry('a tensor as key', 'PICKLE_BAD', /a tensor as key/, dict(tensor(), NONE)),
  entry('a list as key', 'PICKLE_BAD', /a list as key/, dict(list(), NONE)),
  entry('a key without value', 'PICKLE_BAD', /has no value/, dict(text('x'))),
  hostile(
    'one key twice',
    'PICKLE_DUPLICATE_KEY',
    /"w" appears twice/,
    dict(text('w'), tensor(), text('w'), tensor()),
  ),

  entry('a list in itself', 'PICKLE_RECURSION', /a list is placed into itself/, [
    ...op(']'),
    ...put(0),
    ...get(0),
    0x61,
  ]),
  entry('a list in its own tuple', 'PICKLE_RECURSION', /a list changes after/, [
    ...op(']'),
    ...put(0),
    ...get(0),
    0x85,
    0x61,
  ]),
  entry('a dict in its own list', 'PICKLE_RECURSION', /a dict changes after/, [
    ...op('}'),
    ...put(0),
    ...text('x'),
    ...list(get(0)),
    0x73,
  ]),
  entry('an object in its own state', 'PICKLE_RECURSION', /a object changes after/, [
    ...create(perRow),
    ...put(0),
    ...dict(text('dim'), get(0)),
    0x62,
  ]),
  entry('a memo entry that was never written', 'PICKLE_BAD', /memo entry 7/, get(7)),
  entry('a deep nest', 'PICKLE_LIMIT', /deeper than 64/, [...repeat(70, op(']')), ...repeat(69, op('a'))]),
  entry(
    'a wide nest of shared lists',
    'PICKLE_LIMIT',
    /bytes of values/,
    quantized(dict(text('block_size'), sharedLists(30))),
  ),
  entry('a shared state built again and again', 'PICKLE_LIMIT', /bytes of values/, sharedState()),

  entry('more values than memory', 'PICKLE_LIMIT', /bytes of values/, repeat(300_000, [0x7d, 0x30])),
  entry('more opcodes than time', 'PICKLE_LIMIT', /4000000 opcodes/, repeat(2_000_001, [0x4e, 0x30])),
  entry('a high stack', 'PICKLE_LIMIT', /100000 values wait/, repeat(100_001, op('N'))),
  entry('many marks', 'PICKLE_LIMIT', /100000 values wait/, repeat(100_001, op('('))),
  entry('more memo entries than any writer makes', 'PICKLE_LIMIT', /1000000 values are remembered/, [
    ...NONE,
    ...repeat(1_000_001, [0x94]),
  ]),
  entry('a text of 4 GB', 'PICKLE_LIMIT', /4294967295 bytes of text/, opcode(0x58, 0xff, 0xff, 0xff, 0xff)),
  entry('a text of 2^63 bytes', 'PICKLE_LIMIT', /a length of/, opcode(0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80)),
  entry('a frame of 2^40 bytes', 'PICKLE_TRUNCATED', /frame/, opcode(0x95, 0, 0, 0, 0, 0, 1, 0, 0)),
  entry(
    'an integer of 4 GB',
    'PICKLE_LIMIT',
    /integer of 4294967295 bytes/,
    opcode(0x8b, 0xff, 0xff, 0xff, 0xff),
  ),
  entry('a number of 2000 digits', 'PICKLE_LIMIT', /line at byte/, lines(`I${'9'.repeat(2000)}\n`)),
  entry('a number of 100 digits', 'PICKLE_BAD', /decimal integer/, lines(`L${'9'.repeat(100)}L\n`)),
  entry('text that is not UTF-8', 'PICKLE_BAD', /not UTF-8/, opcode(0x8c, 1, 0xff)),
  entry('an unknown protocol', 'PICKLE_BAD', /protocol 9/, opcode(0x80, 9)),
  entry('an opcode without values', 'PICKLE_BAD', /not there/, [...op('('), 0x86]),
  hostile('a missing mark', 'PICKLE_BAD', /a mark that is not there/, op('t')),
  hostile('POP of nothing', 'PICKLE_BAD', /POP on an empty stack/, op('0')),
  hostile('two values at the end', 'PICKLE_BAD', /2 values and 0 marks/, [...dict(), ...dict()]),
  {
    title: 'no STOP',
    code: 'PICKLE_TRUNCATED',
    message: /before its STOP/,
    bytes: () => pickle(dict()).slice(0, -1),
  },
  {
    title: 'more after STOP',
    code: 'PICKLE_BAD',
    message: /1 bytes follow/,
    bytes: () => Uint8Array.from([...pickle(dict()), 0]),
  },
  {
    title: 'a pickle of 17 MB',
    code: 'PICKLE_LIMIT',
    message: /data\.pkl has/,
    bytes: () => new Uint8Array(17 * 2 ** 20),
  },
]

/** Each list holds the one before ten times: 10^levels values, were they all followed. */
function sharedLists(levels: number): Code {
  let code: Code = [...list(integer(1)), ...put(0)]
  for (let level = 1; level <= levels; level++) {
    code = [...code, 0x30, ...list(...Array.from({ length: 10 }, () => get(level - 1))), ...put(level)]
  }
  return code
}

/** A dict of a thousand entries as the state of ten thousand ordered dicts. */
function sharedState(): Code {
  const state = dict(...Array.from({ length: 1000 }, (_, index) => [...integer(index), ...NONE]))
  return [...state, ...put(0), ...orderedDict, ...repeat(10_000, [...get(0), 0x62])]
}
