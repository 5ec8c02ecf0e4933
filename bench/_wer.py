"""Word errors of a transcript, and of a set of them, as the papers count them."""

import random

#: Languages written without blanks between words: every character counts as a word.
UNSPACED = ("zh", "ja", "th", "lo", "my", "km")


def words(text, language="en"):
    """The normalised words of a text."""
    import whispertrt

    normal = whispertrt.normalize(text, "english" if language == "en" else "basic")
    return list(normal.replace(" ", "")) if language in UNSPACED else normal.split()


def distance(reference, found):
    """Substitutions, insertions and deletions that make one list of words from the other, at least."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            cost = min(diagonal + (word != other), row[j] + 1, row[j - 1] + 1)
            diagonal, row[j] = row[j], cost
    return row[-1]


def errors(transcript, text, language="en"):
    """(errors, words of the reference)."""
    reference = words(transcript, language)
    return distance(reference, words(text, language)), len(reference)


def rate(counts):
    """Word error rate in percent over (errors, words) of clips."""
    total = sum(count for _, count in counts)
    return 100.0 * sum(wrong for wrong, _ in counts) / max(1, total)


def paired_difference(base, other, rounds=2000, seed=1):
    """rate(other) - rate(base) and its bootstrap standard error over clips; the same clips are drawn for both."""
    source = random.Random(seed)
    clips = range(len(base))
    drawn = []
    for _ in range(rounds):
        some = source.choices(clips, k=len(base))
        total = sum(base[i][1] for i in some)
        drawn.append(100.0 * sum(other[i][0] - base[i][0] for i in some) / max(1, total))
    mean = sum(drawn) / rounds
    error = (sum((value - mean) ** 2 for value in drawn) / (rounds - 1)) ** 0.5
    return rate(other) - rate(base), error
