"""Generates the clients from the .proto files: `python generate.py`, after a change of proto/.

What is generated, the package `hansa` beside `hansa_feed`, is not kept in the repository.
"""

import pathlib
import shutil
import sys

import grpc_tools
from grpc_tools import protoc

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parents[1] / "proto"
OUT = HERE / "src"


def main() -> None:
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(path.relative_to(PROTO).as_posix() for path in PROTO.glob("hansa/**/*.proto"))
    if not files:
        sys.exit(f"no .proto files under {PROTO}")
    shutil.rmtree(OUT / "hansa", ignore_errors=True)
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={OUT}"]
    arguments += [f"--pyi_out={OUT}", f"--grpc_python_out={OUT}", *files]
    if protoc.main(arguments) != 0:
        sys.exit("the .proto files do not compile")


if __name__ == "__main__":
    main()
