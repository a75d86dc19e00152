"""Makes members.jsonl and meetings.jsonl: 2,000 made-up members of a dating service, and how they judged each other.

    python usecases/data/dating/make_members.py

Always the same bytes. Nobody in it is real. Who likes whom follows from a hidden taste: what both share, how far apart
they live, their ages and aims, how attractive the one is found and how choosy the other is; and from chance, which is
most of it, as among people. What a model can learn of it is therefore modest.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

FOLDER = Path(__file__).parent
MEMBERS, PAIRS, SEED = 2000, 9000, 20261101
TODAY = date(2026, 11, 1)
# name: latitude, longitude, spread in degrees, share of members, locale
PLACES = [
    ("Seoul", 37.55, 126.98, 0.12, 0.48, "ko"),
    ("Busan", 35.16, 129.06, 0.08, 0.12, "ko"),
    ("Daegu", 35.87, 128.60, 0.06, 0.07, "ko"),
    ("Jeju", 33.45, 126.55, 0.08, 0.04, "ko"),
    ("London", 51.51, -0.12, 0.12, 0.12, "en"),
    ("New York", 40.73, -73.95, 0.10, 0.11, "en"),
    ("Sydney", -33.87, 151.20, 0.12, 0.06, "en"),
]
INTERESTS = {
    "art": "전시", "baking": "베이킹", "basketball": "농구", "books": "책", "camping": "캠핑", "cats": "고양이",
    "climbing": "클라이밍", "coffee": "커피", "cooking": "요리", "cycling": "자전거", "dancing": "춤", "dogs": "강아지",
    "fashion": "패션", "film": "영화", "football": "축구", "games": "게임", "gardening": "식물", "hiking": "등산",
    "languages": "외국어", "music": "음악", "photography": "사진", "pottery": "도예", "running": "달리기",
    "science": "과학", "swimming": "수영",
    "tennis": "테니스", "theatre": "연극", "travel": "여행", "volunteering": "봉사", "yoga": "요가",
}  # fmt: skip
ABOUT = {
    "ko": [
        "요즘 빠져 있는 건 {0}, 그리고 {1}.",
        "{0} 이야기라면 언제나 환영이에요. {1}도 좋아해요.",
        "같이 {0} 즐기실 분 찾아요. 요즘 관심사는 {1}.",
    ],
    "en": [
        "Most weekends it is {0}, sometimes {1}.",
        "Ask me about {0}. I am new to {1}.",
        "Looking for somebody for {0}; {1} is a plus.",
    ],
}
GOALS = (("serious", 0.55), ("casual", 0.25), ("friends", 0.20))


def main() -> None:
    """Write both files."""
    random = Random(SEED)  # noqa: S311  made-up data, the same each time
    hidden = [_hidden(random) for _ in range(MEMBERS)]
    members = [_member(random, number, hidden[number]) for number in range(MEMBERS)]
    _write("members.jsonl", members)
    _write("meetings.jsonl", _meetings(random, members, hidden))


def _hidden(random: Random) -> dict[str, float]:
    """What no file says of a member: how attractive others find them, how choosy they are; both around 0."""
    return {"charm": random.gauss(0, 1), "choosy": random.gauss(0, 1)}


def _member(random: Random, number: int, hidden: dict[str, float]) -> dict[str, Any]:
    _, latitude, longitude, spread, _, local = random.choices(PLACES, [place[4] for place in PLACES])[0]
    locale = local if random.random() < 0.93 else ("en" if local == "ko" else "ko")
    gender = random.choices(("woman", "man", "nonbinary"), (0.46, 0.51, 0.03))[0]
    age = min(70, max(18, round(random.lognormvariate(math.log(31), 0.22))))
    interests = sorted(random.sample(sorted(INTERESTS), random.randint(3, 8)))
    views, given = (round(random.lognormvariate(4.6, 0.8)) + 1 for _ in range(2))
    younger, older = (random.randint(2, 8), random.randint(3, 9))
    return {
        "id": f"m-{number + 1:04d}",
        "gender": gender,
        "age": age,
        "latitude": round(latitude + random.gauss(0, spread), 3),
        "longitude": round(longitude + random.gauss(0, spread), 3),
        "locale": locale,
        "interests": interests,
        "goal": random.choices([goal for goal, _ in GOALS], [share for _, share in GOALS])[0],
        "about": _about(random, locale, interests),
        "wants_genders": _wanted(random, gender),
        "wants_age_min": max(18, age - younger),
        "wants_age_max": age + older,
        "wants_distance_km": random.choice((10, 20, 30, 50, 100, 300)),
        "joined_at": (TODAY - timedelta(days=int(random.expovariate(1 / 220)))).isoformat(),
        "active_at": _moment(TODAY, random.expovariate(1 / 6)),
        "shown_7d": min(400, int(random.lognormvariate(2.2 + 0.5 * hidden["charm"], 0.9))),
        "likes_received": _times(random, views, -0.9 + 0.9 * hidden["charm"]),
        "views_received": views,
        "likes_given": _times(random, given, -0.9 - 0.9 * hidden["choosy"]),
        "views_given": given,
    }


def _about(random: Random, locale: str, interests: list[str]) -> str:
    named = [INTERESTS[name] if locale == "ko" else name for name in random.sample(interests, 2)]
    return random.choice(ABOUT[locale]).format(*named)


def _wanted(random: Random, gender: str) -> list[str]:
    if gender == "nonbinary" or random.random() < 0.05:
        return ["woman", "man", "nonbinary"]
    other, same = ("man", "woman") if gender == "woman" else ("woman", "man")
    return [same] if random.random() < 0.06 else [other]


def _times(random: Random, of: int, logit: float) -> int:
    return sum(random.random() < _sigmoid(logit) for _ in range(of))


def _moment(day: date, days_ago: float) -> str:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=min(days_ago, 120))
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _meetings(random: Random, members: list[dict[str, Any]], hidden: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Pairs that met, each judged from both sides."""
    found, seen = list[dict[str, Any]](), set[tuple[int, int]]()
    while len(seen) < PAIRS:
        one, other = sorted(random.sample(range(MEMBERS), 2))
        if (one, other) in seen or not _could_meet(members[one], members[other]):
            continue
        seen.add((one, other))
        day = (TODAY - timedelta(days=random.randint(1, 180))).isoformat()
        for a, b in ((one, other), (other, one)):
            likes = random.random() < _sigmoid(_taste(random, members[a], members[b], hidden[a], hidden[b]))
            found.append({"day": day, "member": members[a]["id"], "candidate": members[b]["id"], "liked": likes})
    return sorted(found, key=lambda meeting: (meeting["day"], meeting["member"], meeting["candidate"]))


def _could_meet(one: dict[str, Any], other: dict[str, Any]) -> bool:
    wanted = one["gender"] in other["wants_genders"] and other["gender"] in one["wants_genders"]
    return wanted and abs(one["age"] - other["age"]) <= 15 and abs(one["latitude"] - other["latitude"]) < 3


def _taste(
    random: Random, a: dict[str, Any], b: dict[str, Any], own: dict[str, float], other: dict[str, float]
) -> float:
    """The logit of ``a`` liking ``b``."""
    outside = max(0, a["wants_age_min"] - b["age"], b["age"] - a["wants_age_max"])
    north, east = (b[part] - a[part] for part in ("latitude", "longitude"))
    km = 111 * math.hypot(north, east * math.cos(math.radians(a["latitude"])))
    shared = len({*a["interests"]} & {*b["interests"]})
    likes = -0.35 + 0.85 * other["charm"] - 0.75 * own["choosy"] + 0.32 * shared - 0.22 * math.log1p(km)
    likes += 0.45 * (a["goal"] == b["goal"]) + 0.4 * (a["locale"] == b["locale"]) - 0.25 * outside
    return likes - 0.03 * abs(b["age"] - a["age"]) + random.gauss(0, 0.9)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False, separators=(", ", ": ")) + "\n" for row in rows]
    (FOLDER / name).write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
