/**
 * A piano-like sound, made in the page as tasks/music/synth.py makes it: decaying partials of a
 * stiff string (Fletcher, Blackham and Stratton 1962), a hammer's knock, a small room.
 */

import type { HeardNote } from "../../place/music.ts";

const PARTIALS = 14;
/** Longest sound of one note; by then it has faded. */
const TONE_S = 6;
const RELEASE_S = 0.12;
/** How long the room answers after the last note. */
export const TAIL_S = 1.2;
const LEVEL = 0.5;

/** Fill one note at full strength, as it sounds while it is held. */
function fillTone(samples: Float32Array, pitch: number, rate: number): void {
  const frequency = 440 * 2 ** ((pitch - 69) / 12);
  const stiffness = 1.2e-4 * 2 ** ((pitch - 48) / 14);
  // How long the lowest partial takes to fall to 1/e: seconds in the bass, a fraction on top.
  const fade = 2.6 * 2 ** (-(pitch - 48) / 17);
  for (let n = 1; n <= PARTIALS; n++) {
    const partial = n * frequency * Math.sqrt(1 + stiffness * n * n);
    if (partial > 0.45 * rate) break;
    const strength = n ** -1.35 * (n % 7 === 0 ? 0.55 : 1); // a hammer at a seventh of the string
    const slow = (fade / n ** 0.75) * rate;
    // A turning pointer in place of a sine a sample, and envelopes that shrink by a factor.
    const angle = (2 * Math.PI * partial) / rate;
    const [turnX, turnY] = [Math.cos(angle), Math.sin(angle)];
    let [x, y] = [Math.cos(0.7 * n), Math.sin(0.7 * n)];
    let [quick, long] = [0.75 * strength, 0.25 * strength];
    const [quickly, slowly] = [Math.exp(-1 / (0.22 * slow)), Math.exp(-1 / slow)];
    for (let at = 0; at < samples.length; at++) {
      samples[at]! += (quick + long) * y;
      [x, y] = [x * turnX - y * turnY, x * turnY + y * turnX];
      quick *= quickly;
      long *= slowly;
    }
  }
  const noise = random(pitch + 1);
  let knock = 0;
  for (let at = 0; at < Math.min(samples.length, rate / 20); at++) {
    knock += (noise() - knock) / 6;
    samples[at]! += 0.3 * knock * Math.exp(-at / (0.008 * rate));
  }
  const rise = 0.003 * rate;
  // Equal loudness by ear: the bass carries more power.
  const loudness = 0.25 * 2 ** (-(pitch - 60) / 60);
  for (let at = 0; at < samples.length; at++) samples[at]! *= loudness * Math.min(1, at / rise);
}

/** Noise from -1 to 1 that is the same every time. */
function random(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** The instrument in an audio context: notes go in, sound comes out. */
export class Piano {
  private readonly tones = new Map<string, AudioBuffer>();
  private readonly input: GainNode;
  private readonly sounding = new Set<AudioBufferSourceNode>();

  constructor(private readonly context: BaseAudioContext) {
    this.input = new GainNode(context, { gain: LEVEL });
    const room = new ConvolverNode(context, { disableNormalization: true });
    room.buffer = this.room();
    const limit = new DynamicsCompressorNode(context, { threshold: -8, ratio: 8, attack: 0.002 });
    this.input.connect(limit);
    this.input.connect(room).connect(limit);
    limit.connect(context.destination);
  }

  /** Strike a note at a time of the context, for so many seconds. */
  strike({ pitch, velocity }: HeardNote, when: number, seconds: number): void {
    const { context } = this;
    const source = new AudioBufferSourceNode(context, { buffer: this.tone(pitch, seconds) });
    const strength = (velocity / 127) ** 1.6;
    const gain = new GainNode(context, { gain: strength });
    gain.gain.setValueAtTime(strength, when + seconds);
    gain.gain.linearRampToValueAtTime(0, when + seconds + RELEASE_S);
    const pan = Math.max(-0.7, Math.min(0.7, (pitch - 64) / 63));
    source.connect(gain).connect(new StereoPannerNode(context, { pan })).connect(this.input);
    source.start(when);
    source.stop(when + seconds + RELEASE_S);
    this.sounding.add(source);
    source.onended = () => this.sounding.delete(source);
  }

  /** End everything that sounds or is about to. */
  hush(): void {
    for (const source of this.sounding) source.stop();
    this.sounding.clear();
  }

  private tone(pitch: number, seconds: number): AudioBuffer {
    // Half seconds, so that notes share their tones.
    const length = Math.min(TONE_S, Math.ceil(2 * (seconds + RELEASE_S)) / 2);
    const key = `${pitch} ${length}`;
    let found = this.tones.get(key);
    if (!found) {
      const { sampleRate } = this.context;
      found = new AudioBuffer({ length: length * sampleRate, sampleRate });
      fillTone(found.getChannelData(0), pitch, sampleRate);
      this.tones.set(key, found);
    }
    return found;
  }

  private room(): AudioBuffer {
    const { sampleRate } = this.context;
    const length = Math.round(TAIL_S * sampleRate);
    const buffer = new AudioBuffer({ length, sampleRate, numberOfChannels: 2 });
    for (const ear of [0, 1]) {
      const samples = buffer.getChannelData(ear);
      const noise = random(101 + ear);
      let smooth = 0;
      for (let at = 0; at < length; at++) {
        smooth += (noise() - smooth) / 3;
        const time = at / sampleRate;
        samples[at] = time > 0.012 ? 0.012 * smooth * Math.exp(-time / 0.28) : 0;
      }
    }
    return buffer;
  }
}

/** The whole piece as a WAV file of 16 bits, made faster than it sounds. */
export async function wavOf(notes: readonly HeardNote[], duration: number): Promise<Blob> {
  const rate = 44_100;
  const length = Math.ceil((duration + TAIL_S + 0.5) * rate);
  const context = new OfflineAudioContext(2, length, rate);
  const piano = new Piano(context);
  for (const note of notes) piano.strike(note, note.start, note.end - note.start);
  const sound = await context.startRendering();
  const [left, right] = [sound.getChannelData(0), sound.getChannelData(1)];
  let peak = 1e-6;
  for (const ear of [left, right]) for (const value of ear) peak = Math.max(peak, Math.abs(value));
  const view = new DataView(new ArrayBuffer(44 + 4 * length));
  const text = (at: number, word: string): void =>
    Array.from(word).forEach((c, n) => view.setUint8(at + n, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 4 * length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 4 * rate, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 4 * length, true);
  for (let at = 0; at < length; at++) {
    view.setInt16(44 + 4 * at, (29_490 * left[at]!) / peak, true);
    view.setInt16(46 + 4 * at, (29_490 * right[at]!) / peak, true);
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
