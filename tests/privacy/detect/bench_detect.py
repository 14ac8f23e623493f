"""`python -m tests.privacy.detect.bench_detect [--kingfisher DIR]`: what detection costs, in CPU milliseconds."""

import argparse
import time

from extproc.privacy.detect.detector import Detector
from tests.privacy.detect import hostile

_PROSE = (
    "The gateway reads a request once, decides what to do with it, and passes it on. Every part has one owner, and "
    "what is shared is shared by value. In 2024 the team of 12 moved to a building with 3 floors, and 45% of them "
    "liked it. "
    'def handler(event): return {"status": 200, "body": json.dumps(event)}  # retry after 30 seconds\n'
)
_TEN = (
    "John john.doe@example.com (415) 555-2671 +49 30 12345678 536-90-4399 4111 1111 1111 1111 "
    "DE89 3704 0044 0532 0130 00 192.168.1.20 born on 12/05/1985 123 Main Street password: hunter2!x "
)
_GERMAN = "Die Größe des Geräts beträgt ungefähr fünf Meter, und für die Prüfung müssen wir öfter über Straßen fahren. "


def _milliseconds(detector: Detector, text: str, times: int) -> float:
    detector.find(text)
    begun = time.thread_time()
    for _ in range(times):
        detector.find(text)
    return (time.thread_time() - begun) / times * 1e3


def _resident_megabytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 >> 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kingfisher", help="with Kingfisher's rules, cached in this directory")
    arguments = parser.parse_args()
    before, begun = _resident_megabytes(), time.process_time()
    recognisers = []
    if arguments.kingfisher:
        from extproc.privacy.detect.kingfisher import Kingfisher

        recognisers = [Kingfisher(arguments.kingfisher)]
        print(f"Kingfisher: {time.process_time() - begun:.2f} s, {_resident_megabytes() - before} MB")
        before, begun = _resident_megabytes(), time.process_time()
    detector = Detector(recognisers=recognisers)
    print(f"start: {time.process_time() - begun:.2f} s, {_resident_megabytes() - before} MB more than the modules")
    ordinary = {
        "4 KB of prose and code": (_PROSE * 20)[:4096],
        "4 KB with ten entities": ((_PROSE * 5)[:2000] + _TEN + _PROSE * 10)[:4096],
        "4 KB of German": (_GERMAN * 50)[:4096],
        "100 KB of prose and code": (_PROSE * 300)[:102_400],
    }
    for name, text in ordinary.items():
        found = len(detector.find(text))
        print(f"{_milliseconds(detector, text, 100):8.3f} ms  {name}: {found} spans")
    worst = [(_milliseconds(detector, text, 2), kind) for kind, text in hostile.texts().items()]
    for milliseconds, kind in sorted(worst, reverse=True)[:10]:
        print(f"{milliseconds:8.1f} ms  100 KB of {kind}")
    print(f"of {len(worst)} hostile kinds the worst")


if __name__ == "__main__":
    main()
