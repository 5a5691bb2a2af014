import {
  create,
  dict,
  FALSE,
  global,
  integer,
  list,
  long,
  NONE,
  orderedDict,
  reduce,
  storage,
  tensor,
  text,
  tuple,
} from './build-pickle.js'
import { entry, type HostilePickle, hostile } from './hostile-pickle.js'

const perRow = global('torchao.quantization.granularity', 'PerRow')

/** Storages, views and state dicts that no torch.save writes. */
export const hostileTensors: readonly HostilePickle[] = [
  entry(
    'a missing storage',
    'STORAGE_MISSING',
    /"archive\/data\/7"/,
    tensor({ storage: storage('FloatStorage', '7') }),
  ),
  entry(
    'a storage elsewhere',
    'STORAGE_MISSING',
    /\.\.\/data\.pkl/,
    tensor({ storage: storage('FloatStorage', '../data.pkl') }),
  ),
  entry(
    'a storage of another size',
    'STORAGE_SIZE_MISMATCH',
    /has 16 bytes, the pickle says 32/,
    tensor({ storage: storage('DoubleStorage') }),
  ),
  entry(
    'a storage of 2^62 elements',
    'PICKLE_CALL_REFUSED',
    /expected a whole number/,
    tensor({ storage: storage('FloatStorage', '0', long(2n ** 62n)) }),
  ),
  entry(
    'a storage of 2^52 elements',
    'PICKLE_CALL_REFUSED',
    /not exact/,
    tensor({ storage: storage('FloatStorage', '0', long(2n ** 52n)) }),
  ),
  entry('a persistent id that is none', 'PICKLE_CALL_REFUSED', /a text as persistent id/, [
    ...text('0'),
    0x51,
  ]),
  entry('a persistent module', 'PICKLE_CALL_REFUSED', /the kind "module"/, [
    ...tuple(text('module'), NONE, NONE, NONE, NONE),
    0x51,
  ]),
  entry(
    'a view past its storage',
    'TENSOR_OUT_OF_RANGE',
    /reaches past storage "0" of 4 elements/,
    tensor({ shape: [5] }),
  ),
  entry(
    'an offset past its storage',
    'TENSOR_OUT_OF_RANGE',
    /offset 1 reaches/,
    tensor({ offset: integer(1) }),
  ),
  entry('a stride past its storage', 'TENSOR_OUT_OF_RANGE', /stride \[2\]/, tensor({ stride: [2] })),
  entry(
    'an empty view behind its storage',
    'TENSOR_OUT_OF_RANGE',
    /offset 5/,
    tensor({ shape: [0], offset: integer(5) }),
  ),
  entry(
    'a negative offset',
    'PICKLE_CALL_REFUSED',
    /the number -1 as argument 2/,
    tensor({ offset: integer(-1) }),
  ),
  entry('a negative stride', 'PICKLE_CALL_REFUSED', /as argument 4/, tensor({ stride: [-1] })),
  entry('more sizes than strides', 'TENSOR_BAD', /as many strides/, tensor({ shape: [2, 2] })),
  entry(
    '65 dimensions',
    'PICKLE_CALL_REFUSED',
    /65 sizes/,
    tensor({ shape: Array(65).fill(1), stride: Array(65).fill(1) }),
  ),
  entry(
    '2^60 elements from four',
    'TENSOR_BAD',
    /not exact/,
    tensor({ shape: [2 ** 30, 2 ** 30], stride: [0, 0] }),
  ),
  entry(
    '2^30 elements from four',
    'TENSOR_TOO_LARGE',
    /repeats 16 bytes/,
    tensor({ shape: [2 ** 30], stride: [0] }),
  ),
  entry(
    'hooks',
    'PICKLE_CALL_REFUSED',
    /hooks/,
    reduce(global('torch._utils', '_rebuild_parameter'), tensor(), FALSE, dict(text('x'), NONE)),
  ),
  entry(
    'a parameter of nothing',
    'PICKLE_CALL_REFUSED',
    /a list, expected a tensor/,
    reduce(global('torch._utils', '_rebuild_parameter'), list(), FALSE, orderedDict),
  ),

  hostile('a list at the top', 'STATE_DICT_BAD', /holds a list/, list()),
  hostile('None at the top', 'STATE_DICT_BAD', /holds None/, NONE),
  hostile('a number as name', 'STATE_DICT_BAD', /key 3 is a number/, dict(integer(3), tensor())),
  entry('a list as entry', 'STATE_DICT_BAD', /"w" is a list/, list()),
  entry('a dataclass as entry', 'STATE_DICT_BAD', /"w" is a object/, create(perRow)),
  hostile(
    'an optimizer beside the model',
    'STATE_DICT_BAD',
    /"optimizer" is a dict/,
    dict(text('model'), dict(), text('optimizer'), dict()),
  ),
  hostile(
    'tensors beside a state dict',
    'STATE_DICT_BAD',
    /beside tensors/,
    dict(text('model'), dict(), text('w'), tensor()),
  ),
  hostile(
    'a state dict in a state dict',
    'STATE_DICT_BAD',
    /one more dict/,
    dict(text('model'), dict(text('model'), dict())),
  ),
]
