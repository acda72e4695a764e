"""What scripts catch: every error that the Python client raises on purpose.

::

    IonboxError
    ├── InvalidInput          something given cannot be used
    │   ├── InvalidDataset    imzML or ibd
    │   ├── InvalidDatabase   a table of molecules
    │   ├── InvalidConfig     a setting or an argument
    │   ├── InvalidFormula    a formula, an adduct, an ion
    │   ├── NoResults         there are no results of a run where they were said to be
    │   │   └── DamagedResults
    │   ├── NotInResults      the run has no such ion, database or dataset; a LookupError, too
    │   ├── MissingLibrary    an export needs a library that is not installed
    │   ├── BadQuestion       an m/z or a pixel that makes no sense
    │   ├── NotFound          no such pixel
    │   └── Gone              sorted peaks or ibd are not there any more; `DamagedResults`, too
    ├── RunFailed             a run on this machine failed
    └── UnsupportedSystem     this is Windows itself; an ImportError, too

    OperateError              AWS cannot be reached, or trying again may help
    └── UserMustAct           credentials, names or permissions must be corrected
"""

from __future__ import annotations

from ionbox_science.errors import (
    InvalidConfig,
    InvalidDatabase,
    InvalidDataset,
    InvalidFormula,
    InvalidInput,
    IonboxError,
)

from ionbox.operate.errors import OperateError, UserMustAct
from ionbox.platforms import UnsupportedSystem
from ionbox.run_errors import DamagedResults, MissingLibrary, NoResults, NotInResults, RunFailed
from ionbox.view.errors import BadQuestion, Gone, NotFound

__all__ = [
    "BadQuestion",
    "DamagedResults",
    "Gone",
    "InvalidConfig",
    "InvalidDatabase",
    "InvalidDataset",
    "InvalidFormula",
    "InvalidInput",
    "IonboxError",
    "MissingLibrary",
    "NoResults",
    "NotFound",
    "NotInResults",
    "OperateError",
    "RunFailed",
    "UnsupportedSystem",
    "UserMustAct",
]
