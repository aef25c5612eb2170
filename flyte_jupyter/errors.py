"""Every exception that a user can catch, as a tree.

::

Error:
├── DefinitionError (ValueError)          a definition holds a value that it must not
├── InitializationError                   something has to be set up or connected first
├── NotInTaskContextError                 only a running task can do this
├── TypeTransformerFailedError (TypeError) a value does not fit its declared type
│   └── RestrictedTypeError               a type that may not be an input or output
├── SecretNotFoundError                   no provider knows the secret
├── StoreError                            the run store cannot be opened, read or written
├── RunNotFoundError, ActionNotFoundError no such run or action in the store
├── ResultNotKeptError                    the value was passed by reference and is gone
├── ImageBuildError, DeploymentError, CodeBundleError
├── RemoteTaskNotFoundError, RemoteTaskUsageError
├── TraceDoesNotAllowNestedTasksError     a traced helper called a task
└── BaseRuntimeError                      a task did not end well
    ├── RuntimeSystemError
    ├── RuntimeUnknownError
    └── RuntimeUserError
        ├── RuntimeDataValidationError    wrong inputs or outputs; never retried
        ├── InlineIOMaxBytesBreached      inputs or outputs larger than the task allows
        ├── NonRecoverableError           raised by a task: do not retry
        ├── CustomError, OOMError, TaskInterruptedError, ActionAbortedError
        ├── InsufficientResourcesError    more than this machine has; never retried
        ├── RetriesExhaustedError
        └── TaskTimeoutError
            ├── MaxRuntimeExceededError, MaxQueuedTimeExceededError, DeadlineExceededError
"""

from typing import Literal as OneOf

Kind = OneOf["system", "user", "unknown"]


class Error(Exception):
    """The root of everything that this package raises on purpose."""


class DefinitionError(Error, ValueError):
    """A definition holds a value that it must not; the message names it and the accepted ones."""


class InitializationError(Error):
    """Something has to be set up or connected first."""


class NotInTaskContextError(Error):
    """Only a running task can do this."""


class TypeTransformerFailedError(Error, TypeError, ValueError):
    """A value does not fit its declared type."""


class RestrictedTypeError(TypeTransformerFailedError):
    """A type that may not be an input or output of a task."""


class SecretNotFoundError(Error, LookupError):
    """No provider knows the secret."""


class StoreError(Error):
    """The run store cannot be opened, read or written."""


class RunNotFoundError(Error, LookupError):
    """No such run in the store."""


class ActionNotFoundError(Error, LookupError):
    """No such action in the run."""


class ResultNotKeptError(Error, LookupError):
    """The value was passed by reference only and the process that held it has dropped it."""


class ImageBuildError(Error):
    """An image cannot be described or built."""


class DeploymentError(Error):
    """An environment cannot be deployed."""


class CodeBundleError(Error):
    """The code of a task cannot be collected."""


class RemoteTaskNotFoundError(Error, LookupError):
    """No deployed task of that name and version."""


class RemoteTaskUsageError(Error):
    """A deployed task was used in a way that it does not allow."""


class TraceDoesNotAllowNestedTasksError(Error):
    """A traced helper called a task; call tasks from tasks."""


class BaseRuntimeError(Error):
    """A task did not end well.

    Args:
        code: a short word for the cause, usually the name of the original exception's class.
        kind: whose fault it is.
        root_cause_message: what happened.
        worker: where it happened, if not in this process.
    """

    def __init__(self, code: str, kind: Kind, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code = code
        self.kind = kind
        self.worker = worker


class RuntimeSystemError(BaseRuntimeError):
    """The place to run failed, not the task."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "system", message, worker)


class RuntimeUnknownError(BaseRuntimeError):
    """It failed and nobody said why."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "unknown", message, worker)


class RuntimeUserError(BaseRuntimeError):
    """The task's own code failed; stands for its exception where the class itself cannot be had."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "user", message, worker)


class _CodedError(RuntimeUserError):
    """A user error whose code is its class's name."""

    def __init__(self, message: str, worker: str | None = None) -> None:
        super().__init__(type(self).__name__, message, worker)


class RuntimeDataValidationError(_CodedError):
    """Inputs or outputs do not fit the task's signature. Never retried."""


class InlineIOMaxBytesBreached(_CodedError):  # noqa: N818 - the SDK's name for it
    """Inputs or outputs are larger than ``max_inline_io_bytes``."""


class NonRecoverableError(_CodedError):
    """Raise it in a task to fail without further attempts."""


class CustomError(RuntimeUserError):
    """Raise it in a task to fail with a code of your own."""


class OOMError(_CodedError):
    """The attempt used more memory than it may."""


class TaskInterruptedError(_CodedError):
    """The attempt was interrupted from outside."""


class ActionAbortedError(_CodedError):
    """The action was aborted."""


class InsufficientResourcesError(_CodedError):
    """A task asks for more than there is on this machine."""


class RetriesExhaustedError(_CodedError):
    """The last allowed attempt failed; its exception is the cause."""


class TaskTimeoutError(_CodedError):
    """A time limit was exceeded."""


class MaxRuntimeExceededError(TaskTimeoutError):
    """One attempt ran longer than ``max_runtime``."""


class MaxQueuedTimeExceededError(TaskTimeoutError):
    """The action waited longer than ``max_queued_time``."""


class DeadlineExceededError(TaskTimeoutError):
    """The whole action, retries included, took longer than ``deadline``."""
