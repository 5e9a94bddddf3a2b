# Build options for the llama.cpp inside llama-cpp-python. CMake includes this file right after
# llama.cpp's own project() call (CMAKE_PROJECT_llama.cpp_INCLUDE), which is late enough to overrule
# what llama-cpp-python's top-level CMakeLists forces on, and early enough to be seen by every target.

# `common/` (argument parsing, chat parsers, an HTTP client) is half of the compile time and hob calls
# none of it: templates are rendered, and downloads made, elsewhere.
set(LLAMA_BUILD_COMMON OFF)

# Nothing in a worker may reach a network or start a program, so do not even compile the means.
set(LLAMA_OPENSSL OFF CACHE BOOL "hob: no TLS client in the engine" FORCE)
set(LLAMA_SUBPROCESS OFF CACHE BOOL "hob: the engine never starts a program" FORCE)
set(MTMD_VIDEO OFF CACHE BOOL "hob: video decoding would start ffmpeg" FORCE)

# Processors may advertise AMX while the hypervisor has not enabled its state: then `-march=native`
# gives a library whose first llama_decode dies of SIGSEGV at ldtilecfg. Users have such machines,
# and the gain elsewhere is nil for the quantised types we run.
include(CheckCCompilerFlag)
foreach(extension amx-tile amx-int8 amx-bf16)
  string(MAKE_C_IDENTIFIER "HOB_CAN_DISABLE_${extension}" supported)
  check_c_compiler_flag("-m${extension}" ${supported})
  if(${supported})
    add_compile_options("-mno-${extension}")
  endif()
endforeach()
