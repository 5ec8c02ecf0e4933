# `cmake --install`: the library, its modules, the headers and the package for find_package(whispertrt). Libraries in
# lib/ find each other by $ORIGIN.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder lib/cmake/whispertrt)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/whispertrtConfig.cmake.in ${CMAKE_BINARY_DIR}/cmake/whispertrtConfig.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  ${CMAKE_BINARY_DIR}/cmake/whispertrtConfigVersion.cmake COMPATIBILITY SameMajorVersion)

foreach(library whispertrt wtrt_ffmpeg whispertrt_cuda)
  if(TARGET ${library})
    set_target_properties(${library} PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(TARGETS ${library} LIBRARY DESTINATION lib)
  endif()
endforeach()
install(DIRECTORY native/include/ DESTINATION include)
install(
  FILES ${CMAKE_BINARY_DIR}/cmake/whispertrtConfig.cmake ${CMAKE_BINARY_DIR}/cmake/whispertrtConfigVersion.cmake
  DESTINATION ${package_folder})
