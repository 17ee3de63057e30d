"""The catalogue of public series: to forecast, and with a class each. Facts only.

Each is one file. Sizes and sha256 are of the file unpacked, as its origin has it. What a
competition or an archive keeps for testing is an entry of its own, named after the other one.
"""

from __future__ import annotations

from recurra.datasets.catalogue import _RAW, Dataset

_M4 = "Mcompetitions/M4-methods/6c1067e5a57161249b17289a565178dc7a3fb3ca/Dataset"
_ETT = "zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small"
_DARTS = "unit8co/darts/2be8e43fbdc1265209f33bbe8bae81f3e4d9146f/datasets"
_RATES = "laiguokun/multivariate-time-series-data/7f402f185cc2435b5e66aed13a3b560ed142e023"
_AEON = "aeon==1.6.0"


def _m4(name: str, title: str, what: str, file: str, size: int, sha256: str) -> Dataset:
    folder = "Test" if file.endswith("test.csv") else "Train"
    return Dataset(
        name=name, title=title, what=what, licence="none stated; published for open use",
        origin=f"Mcompetitions/M4-methods, Dataset/{folder}/{file} (Makridakis et al. 2020).",
        home="https://github.com/Mcompetitions/M4-methods", size_bytes=size, sha256=sha256,
        reader="series", addresses=(f"{_RAW}/{_M4}/{folder}/{file}",), files=(f"m4/{file}",),
    )  # fmt: skip


def _ett(name: str, title: str, file: str, size: int, sha256: str) -> Dataset:
    return Dataset(
        name=name, title=title,
        what="Oil temperature and six loads of one transformer, every hour for two years.",
        licence="CC BY-ND 4.0", origin=f"zhouhaoyi/ETDataset, ETT-small/{file} (Zhou et al. 2021).",
        home="https://github.com/zhouhaoyi/ETDataset", size_bytes=size, sha256=sha256,
        reader="series", addresses=(f"{_RAW}/{_ETT}/{file}",), files=(f"ett/{file}",),
    )  # fmt: skip


def _classic(name: str, title: str, what: str, file: str, size: int, sha256: str) -> Dataset:
    return Dataset(
        name=name, title=title, what=what,
        licence="Apache-2.0 (repository); long published measurements",
        origin=f"unit8co/darts, datasets/{file}.",
        home="https://github.com/unit8co/darts", size_bytes=size, sha256=sha256, reader="series",
        addresses=(f"{_RAW}/{_DARTS}/{file}",), files=(f"classic-series/{file}",),
    )  # fmt: skip


def _archive(name: str, title: str, what: str, file: str, size: int, sha256: str) -> Dataset:
    folder = file.partition("_")[0]
    return Dataset(
        name=name, title=title, what=what, licence="none stated; the archives ask to be cited",
        origin=f"The UCR and UEA archives of time series, {file} as the PyPI package aeon has it.",
        home="https://www.timeseriesclassification.com", size_bytes=size, sha256=sha256,
        reader="labels", package=_AEON, files=(f"ucr-uea-classification/{file}",),
        shipped_as=f"aeon/datasets/data/{folder}/{file}",
    )  # fmt: skip


def _by_hand(
    name: str, title: str, what: str, licence: str, origin: str, home: str, file: str, size: int,
    sha256: str,
) -> Dataset:  # fmt: skip
    return Dataset(
        name=name, title=title, what=what, licence=licence, origin=origin, home=home,
        size_bytes=size, sha256=sha256, reader="labels", files=(file,),
    )  # fmt: skip


SERIES: tuple[Dataset, ...] = (
    _m4(
        "m4-hourly",
        "M4, hourly",
        "414 hourly series of 700 to 960 values; the competition forecasts 48.",
        "Hourly-train.csv", 2_347_115,
        "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
    ),
    _m4(
        "m4-hourly-test",
        "M4, hourly: what came",
        "The 48 values after the end of each series of m4-hourly.",
        "Hourly-test.csv", 132_820,
        "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42",
    ),
    _m4(
        "m4-weekly",
        "M4, weekly",
        "359 weekly series of 80 to 2,597 values; the competition forecasts 13.",
        "Weekly-train.csv", 4_015_067,
        "d478d3f6ed673e6ed3c2cb0fbed5425f72eedd51318ebebeb0b5ecfcefc37714",
    ),
    _m4(
        "m4-weekly-test",
        "M4, weekly: what came",
        "The 13 values after the end of each series of m4-weekly.",
        "Weekly-test.csv", 44_247,
        "3b2bc4be8e636e802260dcd843ca3c5da40536a1fbe1ecb3229a97dae4f44688",
    ),
    _ett(
        "ett-h1",
        "A transformer's oil, first",
        "ETTh1.csv", 2_589_657,
        "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    ),
    _ett(
        "ett-h2",
        "A transformer's oil, second",
        "ETTh2.csv", 2_417_960,
        "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
    ),
    Dataset(
        name="exchange-rate", title="Exchange rates",
        what="Daily exchange rates of eight countries from 1990 to 2016, without dates.",
        licence="none stated",
        origin="laiguokun/multivariate-time-series-data, exchange_rate (Lai et al. 2018).",
        home="https://github.com/laiguokun/multivariate-time-series-data",
        size_bytes=546_336,
        sha256="0127465b51e3cd3c360f8eb2be30cfd294689a2a55903eb8245aafc396626c7f",
        reader="series", addresses=(f"{_RAW}/{_RATES}/exchange_rate/exchange_rate.txt.gz",),
        files=("exchange-rate/exchange_rate.txt.gz",),
    ),
    _classic(
        "air-passengers",
        "Air passengers",
        "Passengers of international airlines, every month from 1949 to 1960.",
        "AirPassengers.csv", 1_746,
        "5f8b316b84545d9cfb05612298df8415ce4c44421c7012d109465564b07ebc06",
    ),
    _classic(
        "milk",
        "Milk of a cow",
        "Pounds of milk a cow gives, every month for fourteen years.",
        "monthly-milk.csv", 2_378,
        "2f05b2188e47010e588c3e2789f87b5b5a0b510c2c6a3a856a6d7b4b3974241e",
    ),
    _classic(
        "sunspots",
        "Sunspots",
        "The number of sunspots, every month from 1749 on.",
        "monthly-sunspots.csv", 42_219,
        "4b91dd8e13bdf6a95c3034c71ceca0152269986c6a91706c6eaf50c1d50081c8",
    ),
    _classic(
        "temperatures",
        "Temperatures of Melbourne",
        "The lowest temperature of each day for ten years.",
        "temps.csv", 55_847,
        "24921d8f1bfcb3050566ec947a940faaf549bacbad43cae1270e37d34fda76fc",
    ),
    _classic(
        "gasoline",
        "Gasoline",
        "Gasoline supplied in the United States, every week.",
        "us_gasoline.csv", 26_373,
        "88247f57ae77f26c56db50ee9c212860f70a2394ac1f75758a8cad56691b9be9",
    ),
    _classic(
        "influenza",
        "Visits for influenza",
        "Visits for influenza-like illness in the United States by age, every week.",
        "ILINet.csv", 84_653,
        "a63fef36d97d9fc6fa9561c093bb48d5d8dc2bc36d6b80621a7387c3529ab811",
    ),
    _classic(
        "heart-rate",
        "A heart rate",
        "The heart rate of one person, 1,800 half seconds.",
        "heart_rate.csv", 15_976,
        "4b69ffa9300e7d2973928820c14b863d00482bee348ff5c60aee46e7f7980962",
    ),
)  # fmt: skip
"""To forecast: what each is, and where its file is."""

LABELLED: tuple[Dataset, ...] = (
    _archive(
        "gunpoint",
        "Gun or finger",
        "50 to learn from: hands that draw a gun or point, 150 moments each, 2 classes.",
        "GunPoint_TRAIN.ts", 84_188,
        "f842401779fd9800d247d8b33121a1a4643710a19b24917dbdd9a060ca8630d5",
    ),
    _archive(
        "gunpoint-test",
        "Gun or finger, to test",
        "150 to test on what gunpoint taught.",
        "GunPoint_TEST.ts", 252_305,
        "79332750788a6227b325b96bd0d70130c8eb707b9731f8d7dec62b7a7d36017e",
    ),
    _archive(
        "arrowhead",
        "Arrow heads",
        "36 to learn from: outlines of arrow heads, 251 values each, 3 classes.",
        "ArrowHead_TRAIN.ts", 100_357,
        "a83c470aaf611a5f5284377cce27a5fc9f6292bc3d110257b0fd4905ced5ee72",
    ),
    _archive(
        "arrowhead-test",
        "Arrow heads, to test",
        "175 to test on what arrowhead taught.",
        "ArrowHead_TEST.ts", 484_894,
        "5417dab42626d41df5e435bb22458c2df40dfad4bcd3b59559bbe72e20e84904",
    ),
    _archive(
        "italy-power",
        "Power in Italy",
        "67 to learn from: a day's demand of power in 24 hours, summer or winter.",
        "ItalyPowerDemand_TRAIN.ts", 18_300,
        "341269cb7e6cef96846b30e774580beec79addb93848ba360145219115a74b7c",
    ),
    _archive(
        "italy-power-test",
        "Power in Italy, to test",
        "1,029 to test on what italy-power taught.",
        "ItalyPowerDemand_TEST.ts", 274_054,
        "26122451f87dd0387ef90b18bc8a86c041371b8a1c068004922b939971247144",
    ),
    _archive(
        "basic-motions",
        "Basic motions",
        "40 to learn from: a wrist in 6 channels, 100 moments each: 4 motions.",
        "BasicMotions_TRAIN.ts", 227_790,
        "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
    ),
    _archive(
        "basic-motions-test",
        "Basic motions, to test",
        "40 to test on what basic-motions taught.",
        "BasicMotions_TEST.ts", 227_713,
        "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
    ),
    _archive(
        "japanese-vowels",
        "Japanese vowels",
        "270 to learn from: a vowel said by 9 speakers, 12 channels, 7 to 29 moments.",
        "JapaneseVowels_TRAIN.ts", 487_971,
        "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    ),
    _archive(
        "japanese-vowels-test",
        "Japanese vowels, to test",
        "370 to test on what japanese-vowels taught.",
        "JapaneseVowels_TEST.ts", 649_132,
        "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
    ),
    _by_hand(
        "ecg200",
        "Heart beats, two kinds",
        "100 to learn from: 96 moments of a beat, normal or ischemic.",
        "none stated; recordings of PhysioNet",
        "The UCR archive of time series (Olszewski 2001), ECG200_TRAIN.txt.",
        "https://www.timeseriesclassification.com",
        "ucr-uea-classification/ECG200_TRAIN.txt", 159_085,
        "ed96989ec5d5ba7d651b4a3e3e905a8e09931999ed25458914f21faac0f7b3ce",
    ),
    _by_hand(
        "ecg200-test",
        "Heart beats, two kinds, to test",
        "100 to test on what ecg200 taught.",
        "none stated; recordings of PhysioNet",
        "The UCR archive of time series (Olszewski 2001), ECG200_TEST.txt.",
        "https://www.timeseriesclassification.com",
        "ucr-uea-classification/ECG200_TEST.txt", 159_209,
        "c665e09a1b1d2dedb37de7aef2a81866632e98f498460a0977f4d9bfebaffbb1",
    ),
    _by_hand(
        "ecg5000",
        "Heart beats, five kinds",
        "500 beats of 140 moments, the archive's part to learn from.",
        "none stated; recordings of PhysioNet",
        "The UCR archive of time series, ECG5000_TRAIN.txt.",
        "https://www.timeseriesclassification.com",
        "ucr-uea-classification/ECG5000_TRAIN.txt", 1_128_500,
        "0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b",
    ),
    _by_hand(
        "pendigits",
        "Digits of a pen",
        "7,494 digits of 30 writers as 8 points, x and y by turns: read it with 2 channels.",
        "CC BY 4.0",
        "UCI's repository (Alpaydin and Alimoglu 1998), pendigits.tra, the digit as class.",
        "https://archive.ics.uci.edu/dataset/81",
        "pendigits/pendigits.tra.csv", 367_892,
        "13a29b9cc1b40503c51030840092d32e0e99efcbd5331146f832a2e815bb4c35",
    ),
    _by_hand(
        "pendigits-test",
        "Digits of a pen, to test",
        "3,498 digits of 14 other writers, read with 2 channels too.",
        "CC BY 4.0",
        "UCI's repository (Alpaydin and Alimoglu 1998), pendigits.tes, the digit as class.",
        "https://archive.ics.uci.edu/dataset/81",
        "pendigits/pendigits.tes.csv", 171_731,
        "70124fa8a06bc820d38591f297271c364b215174410d9711ffafcfc857ff945f",
    ),
)  # fmt: skip
"""With a class each: what each is, and where its file is."""
