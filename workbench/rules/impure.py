"""What is impure: names of the standard library and of well-known packages, by what they do.

``MODULES``: all of a module is, but for classes that are only named (``except requests.Timeout``).
``NAMES``: these are, with what is taken of them; an empty kind takes a name out of its module.
``UNSEEDED``: these are when nothing, or None, is given to them.
"""

from __future__ import annotations

import ast
from typing import Literal

from workbench.rules.places import words

Kind = Literal["clock", "randomness", "network", "files", ""]

_NETWORK_MODULES = """
    aiohttp anthropic azure boto3 botocore cohere confluent_kafka elasticsearch ftplib google.cloud
    google.generativeai googleapiclient grpc http.client http.server httpx huggingface_hub imaplib kafka kubernetes
    mysql nntplib openai opensearchpy paramiko pika poplib psycopg psycopg2 pymongo pymysql redis requests slack_sdk
    smtplib snowflake socket socketserver stripe telnetlib twilio urllib.request urllib3 websocket websockets xmlrpc
"""
_FILE_MODULES = """
    aiofiles dotenv fileinput fsspec getpass glob importlib.resources mmap multiprocessing os pkgutil platform
    shutil sqlite3 subprocess tempfile winreg
"""
MODULES: dict[str, Kind] = {
    **dict.fromkeys(_NETWORK_MODULES.split(), "network"),
    **dict.fromkeys(_FILE_MODULES.split(), "files"),
    **dict.fromkeys(("random", "secrets", "numpy.random", "uuid6", "faker"), "randomness"),
}
_CLOCK = """
    time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns time.process_time
    time.process_time_ns time.thread_time time.thread_time_ns time.clock_gettime time.clock_gettime_ns time.sleep
    datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today
    pandas.Timestamp.now pandas.Timestamp.today pandas.Timestamp.utcnow arrow.now arrow.utcnow pendulum.now
    pendulum.today pendulum.tomorrow pendulum.yesterday timeit.default_timer timeit.timeit timeit.repeat
"""
_RANDOMNESS = """
    builtins.hash builtins.id os.urandom os.getrandom uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.uuid8
    uuid.getnode torch.rand torch.randn torch.randint torch.randperm
"""
_FILES = """
    builtins.open builtins.input builtins.breakpoint io.open io.FileIO codecs.open sys.argv sys.stdin
    os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.getsize os.path.getmtime
    os.path.getatime os.path.getctime os.path.abspath os.path.realpath os.path.expanduser os.path.expandvars
    os.path.samefile pathlib.Path.cwd pathlib.Path.home numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile
    numpy.save numpy.savez numpy.savetxt PIL.Image.open cv2.imread cv2.imwrite cv2.VideoCapture joblib.load
    joblib.dump torch.load torch.save onnxruntime.InferenceSession chalicelib.usecase.Photo.open
    chalicelib.usecase.Photo.sample
"""
_READERS = "csv excel feather fwf hdf html json orc parquet pickle sas spss sql sql_query sql_table stata table xml"
_PURE = """
    os.path os.fspath os.sep os.altsep os.extsep os.linesep os.pathsep os.curdir os.pardir os.name os.devnull
    os.fsencode os.fsdecode random.Random numpy.random.default_rng
    numpy.random.RandomState numpy.random.SeedSequence numpy.random.PCG64 numpy.random.MT19937 numpy.random.Philox
    numpy.random.SFC64 numpy.random.Generator glob.escape sqlite3.sqlite_version
    secrets.compare_digest http.client.responses uuid6.UUID requests.codes requests.exceptions requests.status_codes
    requests.utils.quote botocore.exceptions socket.error socket.timeout socket.gaierror socket.herror httpx.codes
"""
NAMES: dict[str, Kind] = {
    **dict.fromkeys(_CLOCK.split(), "clock"),
    **dict.fromkeys(_RANDOMNESS.split(), "randomness"),
    **dict.fromkeys(_FILES.split(), "files"),
    **dict.fromkeys((f"{module}.read_{name}" for module in ("pandas", "polars") for name in _READERS.split()), "files"),
    **dict.fromkeys(_PURE.split(), ""),
    "sqlalchemy.create_engine": "network",
}
_SEEDED = "Random default_rng RandomState SeedSequence PCG64 MT19937 Philox SFC64"
UNSEEDED: dict[str, Kind] = {
    **dict.fromkeys(("time.gmtime", "time.localtime", "time.ctime", "time.asctime"), "clock"),
    "random.Random": "randomness",
    **dict.fromkeys((f"numpy.random.{name}" for name in _SEEDED.split()), "randomness"),
}
PATH_METHODS = words(
    """
    read_text read_bytes write_text write_bytes open exists is_file is_dir is_symlink is_mount iterdir glob rglob
    walk stat lstat unlink mkdir rmdir touch rename replace resolve absolute expanduser samefile owner group
    readlink symlink_to hardlink_to chmod cwd home
    """
)
ROOTS = frozenset(
    {name.split(".")[0] for name in (*MODULES, *NAMES, *UNSEEDED)} - {"builtins", "chalicelib"} | {"pathlib"}
)
BUILTINS = frozenset(name.split(".")[1] for name in NAMES if name.startswith("builtins."))


def kind_of(dotted: str, call: ast.Call | None) -> Kind:
    """What a dotted name does where it stands; ``call`` is the call that it heads. Empty: nothing impure."""
    if dotted in UNSEEDED and call is not None and not _is_given(call):
        return UNSEEDED[dotted]
    for name in _prefixes(dotted):
        if name in NAMES:
            return NAMES[name]
        if name in MODULES:
            return MODULES[name] if _does_something(dotted, name, call) else ""
    if dotted.startswith("pathlib.Path.") and dotted.rpartition(".")[2] in PATH_METHODS:
        return "files"
    return ""


def _prefixes(dotted: str) -> list[str]:
    """The name itself, then all it is in: a.b.c, a.b, a."""
    parts = dotted.split(".")
    return [".".join(parts[:size]) for size in range(len(parts), 0, -1)]


def _is_given(call: ast.Call) -> bool:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(not (isinstance(value, ast.Constant) and value.value is None) for value in values)


def _does_something(dotted: str, module: str, call: ast.Call | None) -> bool:
    """Calls do, and functions that are passed on; classes that are named, constants and the module itself do not."""
    last = dotted.rpartition(".")[2]
    if last.endswith(("Error", "Exception", "Warning")):
        return False
    return call is not None or (dotted != module and last == last.lower())
