const DATE = '\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])'
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+\\-](?:[01]\\d|2[0-3]):[0-5]\\d)'
const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = `${BYTE}(?:\\.${BYTE}){3}`
const GROUP = '[0-9A-Fa-f]{1,4}'
/** RFC 4291, 2.2: eight groups, or fewer around one `::`; the last two may be an IPv4 address. */
const IPV6 = [
  `(?:${GROUP}:){6}(?:${GROUP}:${GROUP}|${IPV4})`,
  ...Array.from({ length: 8 }, (_, before) => {
    const head = before === 0 ? '' : `(?:${GROUP}:){${before - 1}}${GROUP}`
    const after = 7 - before
    const tails = after === 0 ? '' : `(?:(?:${GROUP}:){0,${after - 1}}${GROUP})?`
    return `${head}::${tails}`
  }),
  ...Array.from({ length: 6 }, (_, before) => {
    const head = before === 0 ? '' : `(?:${GROUP}:){${before - 1}}${GROUP}`
    return `${head}::(?:${GROUP}:){0,${5 - before}}${IPV4}`
  }),
].join('|')
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?'
const ATOM = "[A-Za-z0-9!#$%&'*+\\/=?^_`{|}~\\-]+"

/** The shape of each format that is offered, not its meaning: the 31st of February has the shape of a date. */
export const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date', DATE],
  ['time', TIME],
  ['date-time', `${DATE}T${TIME}`],
  ['uuid', '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'],
  ['ipv4', IPV4],
  ['ipv6', IPV6],
  ['email', `${ATOM}(?:\\.${ATOM})*@${LABEL}(?:\\.${LABEL})*`],
])
