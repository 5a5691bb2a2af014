import { library } from '../../tools/tsup.base.js'

export default library({ entry: ['src/index.ts', 'src/signs.ts', 'src/kernels.ts'] })
