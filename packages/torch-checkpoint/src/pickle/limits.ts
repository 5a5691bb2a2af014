// Limits of the restricted unpickler. A file decides how much work and memory its pickle asks for, so each is bounded
// here; together they keep the reading of any pickle around 64 MiB.

/** A pickle holds no tensor data: 20,000 plain tensors, far more than one shard has, take about 3 MB. */
export const MAX_PICKLE_BYTES = 16 * 1024 * 1024

/** Steps of the interpreter; a plain tensor takes about 45, a quantized one about 150. */
export const MAX_OPCODES = 4_000_000

/** Estimated memory of everything a pickle builds, garbage included: about 20,000 plain tensors or 5,000 quantized ones. */
export const MAX_VALUE_BYTES = 40 * 1024 * 1024

/** Writers remember each value they write, some 15 a tensor. */
export const MAX_MEMO_ENTRIES = 1_000_000

/** Writers empty the stack after a thousand entries of a dict or a list. */
export const MAX_STACK_ITEMS = 100_000

/** Nesting of containers and objects; the deepest known class, version 1 of torchao, needs about 15. */
export const MAX_DEPTH = 64

/** One text or byte string; parameter names have some hundred characters. */
export const MAX_STRING_BYTES = 65_536

/** A line of the text opcodes: module names, class names, decimal numbers. */
export const MAX_LINE_BYTES = 1024

/** An integer; the magic number of the pre-zip format needs 10 bytes. */
export const MAX_INTEGER_BYTES = 32
