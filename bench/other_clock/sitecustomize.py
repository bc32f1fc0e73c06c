"""Imported by Python at startup, before any code that could read a clock, where `bench.clock` added its folder."""

import os
import time

import time_machine

time_machine.travel(time.time() + float(os.environ["CLOCK_SHIFT_SECONDS"]), tick=True).start()
# Its clock starts when it is first read: now, so that later imports do not delay it.
time.time()
