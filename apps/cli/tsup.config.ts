import { library } from '../../tools/tsup.base.js'

// The bodies of the commands are run, not imported, so that nobody reads their types.
export default library({ entry: ['src/main.ts', 'src/eval-child.ts'], dts: false })
