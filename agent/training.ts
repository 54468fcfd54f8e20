/** Networks of the shape model: what is to be trained goes to a process of its own, what comes back enters as a frame. */
import type { Context } from './context.ts';
import type { TrainingRequest } from './models/shape/training.ts';
import type { FrameQueue } from './source/queue.ts';
import { Trainer, type TrainerCounts } from './training/trainer.ts';

export class Training {
  readonly #context: Context;
  readonly #queue: FrameQueue;
  #trainer: Trainer | null = null;

  constructor(context: Context, queue: FrameQueue) {
    this.#context = context;
    this.#queue = queue;
  }

  get counts(): TrainerCounts {
    return this.#trainer?.counts ?? { runs: 0, trained: 0, failed: 0, refused: 0 };
  }

  /** Nothing in a replay, whose recording has what was trained then. */
  train(request: TrainingRequest): void {
    const { replay, settings } = this.#context;
    if (replay !== null || !settings['shape-training']) return;
    this.#trainer ??= this.#makeTrainer();
    this.#trainer.train(request);
  }

  #makeTrainer(): Trainer {
    const { lifetime, log } = this.#context;
    const trainer = new Trainer({
      onReply: (_, text) => this.#queue.push({ kind: 'network', text }),
      onProblem: (problem) => log.warn({ problem }, 'a network was not trained'),
      onBackend: (backend, reason) => log.info({ backend, reason }, 'networks are trained'),
    });
    lifetime.atEnd(() => trainer.stop());
    return trainer;
  }
}
