include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/tutti)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tuttiConfigVersion.cmake
    COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)

install(TARGETS tutti EXPORT tuttiTargets FILE_SET HEADERS FILE_SET optional)
install(EXPORT tuttiTargets NAMESPACE tutti:: DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/tuttiConfig.cmake ${CMAKE_CURRENT_LIST_DIR}/mpi.cmake ${CMAKE_CURRENT_LIST_DIR}/nccl.cmake
    ${PROJECT_BINARY_DIR}/tuttiConfigVersion.cmake
    DESTINATION ${package_dir})
