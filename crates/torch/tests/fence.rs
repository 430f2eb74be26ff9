//! The fence: errors for panics, devices, seeded draws.

use torch::{Device, Error, Kind, Tensor};

#[test]
fn an_operation_that_libtorch_refuses_is_one_line_of_error() {
    let left = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let right = Tensor::zeros([4, 5], (Kind::Float, Device::Cpu));
    let panicked = torch::guard(|| left.matmul(&right)).unwrap_err();
    let returned = Error::from(left.f_matmul(&right).unwrap_err());
    for error in [panicked, returned] {
        let expected = "libtorch: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn other_panics_and_own_errors_pass_through() {
    let error = torch::guard(|| panic!("seven\nlines")).unwrap_err();
    assert_eq!(error.to_string(), "internal error: seven");
    let error = torch::try_guard(|| Err::<(), _>(Error::UnknownDevice("tpu".to_owned()))).unwrap_err();
    assert!(matches!(error, Error::UnknownDevice(_)));
    assert_eq!(torch::guard(|| 5).unwrap(), 5);
}

#[test]
fn gradient_mode_survives_a_panic() {
    let weight = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let failed = torch::guard(|| {
        let _no_grad = torch::no_grad_guard();
        weight.matmul(&Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)))
    });
    assert!(failed.is_err());
    assert!((&weight * 2.0).requires_grad());
}

#[test]
fn devices_by_name() {
    assert_eq!(torch::device("cpu").unwrap(), Device::Cpu);
    for wrong in ["gpu", "cuda:", "cuda:-1", "cuda:x", ""] {
        assert!(matches!(torch::device(wrong), Err(Error::UnknownDevice(_))), "{wrong}");
    }
    match torch::device("auto").unwrap() {
        Device::Cpu => {
            let error = torch::device("cuda:3").unwrap_err();
            assert!(error.to_string().starts_with("device `cuda:3` is not available: "), "{error}");
        }
        device => assert_eq!(torch::device("cuda").unwrap(), device),
    }
}

#[test]
fn the_version_is_the_linked_one() {
    assert_eq!(torch::version(), "2.11.0");
}

#[test]
fn dropout_masks_depend_on_the_seed_alone() {
    let draw = |seed| torch::random::dropout_mask(&[300, 700], 0.25, seed, Device::Cpu).unwrap();
    let first = draw(7);
    for threads in [1, 2, 4] {
        torch::set_threads(threads).unwrap();
        let _other = draw(8);
        assert_eq!(first, draw(7), "{threads} threads");
    }
    assert_ne!(first, draw(8));
    let kept = first.ne(0.0).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
    assert!((kept - 0.75).abs() < 0.005, "{kept}");
    assert!((first.max().double_value(&[]) - 4.0 / 3.0).abs() < 1e-6);
    assert_eq!(
        torch::random::dropout_mask(&[3], 1.0, 1, Device::Cpu).unwrap().sum(Kind::Float).double_value(&[]),
        0.0
    );
    assert_eq!(
        torch::random::dropout_mask(&[3], 0.0, 1, Device::Cpu).unwrap().sum(Kind::Float).double_value(&[]),
        3.0
    );
}
