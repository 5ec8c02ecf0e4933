// The weights' file as part of the library, so that nothing has to be found at run time. CMake defines
// WTRT_SILERO_FILE.
__asm__(
    ".pushsection .rodata\n"
    ".balign 64\n"
    ".global wtrt_silero_weights\n"
    ".hidden wtrt_silero_weights\n"
    ".global wtrt_silero_weights_end\n"
    ".hidden wtrt_silero_weights_end\n"
    "wtrt_silero_weights:\n"
    ".incbin \"" WTRT_SILERO_FILE
    "\"\n"
    "wtrt_silero_weights_end:\n"
    ".popsection\n");
