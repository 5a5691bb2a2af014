const [command = '', ...args] = process.argv.slice(2)
/** What another command of this program asks a process of its own for. */
const request = () => JSON.parse(args[0]!)
const print = (figures: object) => console.log(JSON.stringify(figures))

/** Modules are loaded when they are needed: a process that measures a peer holds nothing of hfquant. */
const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  compare: async () => (await import('./compare/command.js')).COMPARISONS.compare(args),
  grow: async () => (await import('./compare/command.js')).COMPARISONS.grow(args),
  'compare-once': async () =>
    print(await (await import('./compare/measure-model.js')).measureModel(request())),
  tokenizers: async () => (await import('./python-judge/tokenizers.js')).compareTokenizers(args),
  templates: async () => (await import('./python-judge/command.js')).compareTemplates(args),
  families: async () => (await import('./families/command.js')).families(args),
  encoders: async () => (await import('./encoders/command.js')).measureEncoders(args),
  'encoders-once': async () =>
    print(await (await import('./encoders/measure-texts.js')).measureTexts(request())),
  bits: async () => (await import('./bits/command.js')).compareBits(args),
  gliner: async () => (await import('./gliner/command.js')).benchGliner(args),
  'gliner-once': async () =>
    print(await (await import('./gliner/measure-gliner.js')).measureGliner(request())),
  'gliner-peer-once': async () => print(await (await import('./gliner/peer.js')).measurePeer(request())),
  speculation: async () => (await import('./speculation/command.js')).measureSpeculation(args),
  serve: async () => (await import('./serve/command.js')).measureServing(args),
  'serve-peer': async () => (await import('./serve/peer.js')).servePeer(request()),
  'serve-in-process': async () => (await import('./serve/in-process.js')).generateInProcess(request()),
  drills: async () => (await import('./drills/command.js')).runDrills(args),
  soak: async () => (await import('./soak/command.js')).runSoak(args),
}

const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined
if (run !== undefined) await run()
else await (await import('./measurements.js')).runMeasurement()

export {}
