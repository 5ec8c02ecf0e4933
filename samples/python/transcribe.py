#!/usr/bin/env python3
"""Transcribes a file: transcribe.py MODEL FILE. Prints each segment as soon as it is final."""
import sys

import whispertrt


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: transcribe.py MODEL FILE")
    try:
        with whispertrt.Model(sys.argv[1]) as model, model.engine() as engine:
            for segment in engine.stream(sys.argv[2]):
                print(f"[{segment.start:6.2f} -> {segment.end:6.2f}] {segment.text}", flush=True)
    except whispertrt.WhisperTrtError as error:
        sys.exit(f"transcribe.py: {error}")


if __name__ == "__main__":
    main()
