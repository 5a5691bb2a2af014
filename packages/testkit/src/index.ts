export {
  type ArchitectureCheck,
  type ArchitectureOptions,
  type ArchitectureRefusal,
  architectureChecks,
} from './architecture/architecture-checks.js'
export type { CalibratedConfigs } from './architecture/calibration-check.js'
export { describeArchitecture, describeEncoder } from './architecture/describe-architecture.js'
export {
  type EncoderDoor,
  type EncoderDoorModel,
  type EncoderOptions,
  encoderChecks,
} from './architecture/encoder-checks.js'
export { type Expected, readExpected, relativeError } from './architecture/expected.js'
export { type ExpectedOfEncoder, readExpectedOfEncoder } from './architecture/expected-of-encoder.js'
export { ContractBreach } from './conformance/breach.js'
export type { Ability, ConformanceCheck, Topic } from './conformance/check.js'
export {
  conformanceChecks,
  type FailedCheck,
  runCheck,
  runConformance,
} from './conformance/conformance-checks.js'
export type { FrontDoor, FrontDoorModel } from './conformance/front-door.js'
export type { ConfigUnderTest, ConformanceOptions, ModuleChoices } from './conformance/options.js'
export {
  type LoadRequest,
  openWorkbench,
  type SaveRequest,
  type Workbench,
  type WorkbenchModel,
} from './conformance/workbench.js'
export { describeQuantizer } from './describe-quantizer.js'
export { type FakeMachine, fakeEnvironment } from './fake-environment.js'
export { type CheckpointChange, changeCheckpoint } from './models/change-checkpoint.js'
export { type Damage, damageCheckpoint } from './models/damage.js'
export { buildShell, type ModelLayout, type ModuleSpec } from './models/layout.js'
export {
  readTensorFile,
  type StoredTensor,
  type TensorFile,
  writeTensorFile,
} from './models/tensor-file.js'
export { type ArchitectureSize, TINY_LLAMA, tinyConfig, writeTinyModel } from './models/tiny-architecture.js'
export { lowerTinyModel, type TinyModelOptions, tinyModel } from './models/tiny-model.js'
export { type CheckpointOptions, writeCheckpoint } from './models/write-checkpoint.js'
export { testFolder } from './test-folder.js'
