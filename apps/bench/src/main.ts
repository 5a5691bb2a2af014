// Modules are loaded when they are needed: a process that measures a peer holds nothing of hfquant.
const [command = '', ...rest] = process.argv.slice(2)

if (command === 'compare-once') {
  const { measureModel } = await import('./compare/measure-model.js')
  console.log(JSON.stringify(await measureModel(JSON.parse(rest[0]!))))
} else if (command === 'compare' || command === 'grow') {
  const { COMPARISONS } = await import('./compare/command.js')
  await COMPARISONS[command](rest)
} else if (command === 'tokenizers') {
  const { compareTokenizers } = await import('./python-judge/tokenizers.js')
  await compareTokenizers(rest)
} else if (command === 'templates') {
  const { compareTemplates } = await import('./python-judge/command.js')
  await compareTemplates(rest)
} else if (command === 'families') {
  const { families } = await import('./families/command.js')
  await families(rest)
} else if (command === 'encoders') {
  const { measureEncoders } = await import('./encoders/command.js')
  await measureEncoders(rest)
} else if (command === 'encoders-once') {
  const { measureTexts } = await import('./encoders/measure-texts.js')
  console.log(JSON.stringify(await measureTexts(JSON.parse(rest[0]!))))
} else if (command === 'bits') {
  const { compareBits } = await import('./bits/command.js')
  await compareBits(rest)
} else if (command === 'gliner') {
  const { benchGliner } = await import('./gliner/command.js')
  await benchGliner(rest)
} else if (command === 'gliner-once') {
  const { measureGliner } = await import('./gliner/measure-gliner.js')
  console.log(JSON.stringify(await measureGliner(JSON.parse(rest[0]!))))
} else if (command === 'speculation') {
  const { measureSpeculation } = await import('./speculation/command.js')
  await measureSpeculation(rest)
} else if (command === 'serve') {
  const { measureServing } = await import('./serve/command.js')
  await measureServing(rest)
} else if (command === 'serve-peer') {
  const { servePeer } = await import('./serve/peer.js')
  await servePeer(JSON.parse(rest[0]!))
} else if (command === 'serve-in-process') {
  const { generateInProcess } = await import('./serve/in-process.js')
  await generateInProcess(JSON.parse(rest[0]!))
} else if (command === 'drills') {
  const { runDrills } = await import('./drills/command.js')
  await runDrills(rest)
} else if (command === 'soak') {
  const { runSoak } = await import('./soak/command.js')
  await runSoak(rest)
} else {
  const { runMeasurement } = await import('./measurements.js')
  await runMeasurement()
}

export {}
