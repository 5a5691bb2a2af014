import { library } from '../../tools/tsup.base.js'

export default library({
  entry: ['src/main.ts', 'src/eval-child.ts'],
  // An optional dependency is imported when it is there, and is no part of the command.
  external: ['@hfquant/server', '@hfquant/server/options'],
})
