"""Shows that where a transcript leaves its golden, two choices lay within float32 rounding of each other.

A slow and plain decoder over the device acts: openai/whisper's greedy rules written once more, in numpy, on the logits of one step.
"""

import numpy as np

TIE = 1e-3


class Decoder:
    def __init__(self, model, language="en", task="transcribe"):
        self.model = model
        self.session = model.session()
        special = _special_ids(model)
        self.eot, self.sot = special["eot"], special["sot"]
        self.times = special["timestamp_begin"]
        self.no_timestamps = self.times - 1
        self.start = [self.sot]
        self.sot_prev = special["sot_prev"]
        if model.info.multilingual:
            self.start += [special["languages"][language], special[task]]
        self.suppressed = special["suppressed"]
        self.blank = model.tokenize(" ")[0]

    def encode(self, mel):
        self.session.encode(mel, output=False)
        self.session.project_cross_kv()

    def prompt(self, previous):
        return ([self.sot_prev] + list(previous)[-223:] if len(previous) else []) + self.start

    def choices(self, sampled, logits):
        """Allowed logits, and how far the two sides of the timestamp rule lie apart."""
        logits = np.array(logits, np.float64)
        logits[self.suppressed] = -np.inf
        logits[self.no_timestamps] = -np.inf
        if not sampled:
            logits[[self.blank, self.eot]] = -np.inf
            logits[: self.times] = -np.inf
            logits[self.times + 51 :] = -np.inf
        last_time = bool(sampled) and sampled[-1] >= self.times
        before_time = len(sampled) < 2 or sampled[-2] >= self.times
        if last_time and before_time:
            logits[self.times :] = -np.inf
        elif last_time:
            logits[: self.eot] = -np.inf
        spoken_times = [t for t in sampled if t >= self.times]
        if spoken_times:
            least = spoken_times[-1] if last_time and not before_time else spoken_times[-1] + 1
            logits[self.times : least] = -np.inf
        logprobs = logits - np.logaddexp.reduce(logits[np.isfinite(logits)])
        times = logprobs[self.times :]
        times = times[np.isfinite(times)]
        rule = np.inf
        if times.size and np.isfinite(logprobs[: self.times]).any():
            time_mass = np.logaddexp.reduce(times)
            most_text = logprobs[: self.times].max()
            rule = abs(time_mass - most_text)
            if time_mass > most_text:
                logits[: self.times] = -np.inf
        return logits, rule

    def greedy(self, previous, forced):
        """Tokens of a window whose first tokens are `forced`, and the smallest gap of the step after them."""
        prompt = self.prompt(previous)
        logits = self.session.prefill(prompt)[-1]
        sampled, gap = [], None
        budget = min(224, self.model.info.text_context - len(prompt) + 1)
        while True:
            allowed, rule = self.choices(sampled, logits)
            best, second = np.sort(allowed)[::-1][:2]
            if len(sampled) == len(forced) and gap is None:
                gap = min(best - second, rule)
            token = forced[len(sampled)] if len(sampled) < len(forced) else int(allowed.argmax())
            sampled.append(token)
            if token == self.eot or len(sampled) == budget:
                return [t for t in sampled if t != self.eot], gap
            logits = self.session.step(token)


def _special_ids(model):
    """Ids of the special tokens, by the vocabulary's size."""
    info = model.info
    eot = 50256 if not info.multilingual else 50257
    count = info.languages if info.multilingual else 99
    after = eot + 2 + count
    ids = {"eot": eot, "sot": eot + 1, "translate": after, "transcribe": after + 1, "sot_lm": after + 2, "sot_prev": after + 3}
    ids["no_speech"], ids["timestamp_begin"] = after + 4, after + 6
    codes = list(model.languages)
    ids["languages"] = {code: eot + 2 + i for i, code in enumerate(codes)}
    symbols = set('"#()*+/:;<=>@[\\]^_`{|}~「」『』')
    symbols |= set("<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split())
    musical = set("♩♪♫♬♭♮♯")
    chosen = {model.tokenize(" -")[0], model.tokenize(" '")[0]}
    for symbol in symbols | musical:
        for text in (symbol, " " + symbol):
            tokens = model.tokenize(text)
            if len(tokens) == 1 or symbol in musical:
                chosen.add(tokens[0])
    chosen |= {ids[name] for name in ("transcribe", "translate", "sot", "sot_prev", "sot_lm", "no_speech")}
    ids["suppressed"] = sorted(chosen)
    return ids
