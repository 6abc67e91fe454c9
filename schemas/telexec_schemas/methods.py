"""Every method and notification, on one page."""

from telexec_schemas import attachment, environment, lifecycle, process, session
from telexec_schemas import filesystem as fs
from telexec_schemas.message import Nothing
from telexec_schemas.method import Method, Notification

# The handshake: the client sends INITIALIZE, then INITIALIZED, then anything else.
INITIALIZE = Method("initialize", lifecycle.Initialize, lifecycle.Initialized, repeatable=False)
INITIALIZED = Notification("initialized", Nothing)
ENVIRONMENT_INFO = Method("environment/info", Nothing, lifecycle.EnvironmentInfo, repeatable=True)

EXPLAIN = Method(
    "env/explain",
    environment.ExplainEnvironment,
    environment.EnvironmentExplanation,
    repeatable=True,
)

# Processes. A client names its processes at random, so a start sent twice starts one process.
START = Method("process/start", process.StartProcess, process.Started, repeatable=True)
READ = Method("process/read", process.ReadOutput, process.OutputBatch, repeatable=True)
WRITE = Method("process/write", process.WriteInput, process.InputStatus, repeatable=True)
SIGNAL = Method("process/signal", process.SignalProcess, Nothing, repeatable=False)
TERMINATE = Method(
    "process/terminate", process.TerminateProcess, process.Terminated, repeatable=True
)
CLOSE_STDIN = Method("process/closeStdin", process.CloseInput, Nothing, repeatable=True)
RESIZE = Method("process/resize", process.ResizeTerminal, Nothing, repeatable=True)

LIST = Method("process/list", attachment.ListProcesses, attachment.ProcessList, repeatable=True)
ATTACH = Method(
    "process/attach", attachment.AttachOutput, attachment.OutputAttached, repeatable=False
)
DETACH = Method("process/detach", attachment.DetachOutput, Nothing, repeatable=True)

# Service to client, per process in the order of `seq`.
OUTPUT = Notification("process/output", process.OutputPushed)
GAP = Notification("process/gap", process.OutputGap)
EXITED = Notification("process/exited", process.ProcessExited)
CLOSED = Notification("process/closed", process.ProcessClosed)
DETACHED = Notification("process/detached", attachment.OutputDetached)
# Client to service.
CREDIT = Notification("process/credit", process.OutputCredit)

# Sessions.
SESSION_END = Method("session/end", session.EndSession, session.SessionEnded, repeatable=True)
SESSION_LIST = Method("session/list", Nothing, session.SessionList, repeatable=True)
SESSION_TAKEN_OVER = Notification("session/takenOver", session.SessionTakenOver)

# Files.
GET_METADATA = Method("fs/getMetadata", fs.GetMetadata, fs.Metadata, repeatable=True)
READ_FILE = Method("fs/readFile", fs.ReadFile, fs.FileContent, repeatable=True)
WRITE_FILE = Method("fs/writeFile", fs.WriteFile, Nothing, repeatable=False)
READ_DIRECTORY = Method("fs/readDirectory", fs.ReadDirectory, fs.DirectoryListing, repeatable=True)
CREATE_DIRECTORY = Method("fs/createDirectory", fs.CreateDirectory, Nothing, repeatable=False)
CANONICALIZE = Method("fs/canonicalize", fs.Canonicalize, fs.CanonicalPath, repeatable=True)
REMOVE = Method("fs/remove", fs.Remove, Nothing, repeatable=False)
COPY = Method("fs/copy", fs.Copy, Nothing, repeatable=False)
WALK = Method("fs/walk", fs.Walk, fs.Tree, repeatable=True)
OPEN = Method("fs/open", fs.OpenFile, fs.FileOpened, repeatable=False)
READ_BLOCK = Method("fs/readBlock", fs.ReadBlock, fs.Block, repeatable=True)
CLOSE = Method("fs/close", fs.CloseFile, Nothing, repeatable=True)

METHOD_NAMES = tuple(it.name for it in tuple(vars().values()) if isinstance(it, Method))
"""Of all that can be asked for, in the order of this page."""
