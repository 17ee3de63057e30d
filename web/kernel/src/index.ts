/** The kernel in the browser: what other parts of the site import. */

export { KernelClient, type Running } from "./client.ts";
export { RecurraError, type ErrorKind } from "./errors.ts";
export { choose, features, suitableThreads, MODULES, type ModuleName } from "./features.ts";
export { initialise } from "./initialise.ts";
export { Kernel } from "./kernel.ts";
export { readModel, writeModel, type ModelDocument, type ModelFile } from "./model-file.ts";
export type { Batch, Report, State } from "./contract.ts";
export { Network } from "./network.ts";
export { OPTIMISER, SAMPLING, type OptimiserOptions, type SamplingOptions } from "./options.ts";
export type {
  Opened,
  StartOptions,
  Started,
  TrainEvent,
  Trained,
  TrainRequest,
} from "./protocol.ts";
export { parameterCount, parameterShapes, parseSpec, type Spec, type Weights } from "./spec.ts";
export { TextModel, type GenerateOptions, type Piece, type TextTrace } from "./text-model.ts";
export type { TrainOptions } from "./train-options.ts";
export { Training, type Checkpoint } from "./training.ts";
export { vocabularyFromDocument, type Vocabulary } from "./vocabulary.ts";
export { LastPosition, Streams, type Window } from "./windows.ts";
